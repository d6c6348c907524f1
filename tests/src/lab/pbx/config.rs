//! A complete configuration of a lab PBX, from the templates in tests/lab/asterisk/.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};

use super::PbxSettings;
use crate::lab::certificate;
use crate::lab::sound::{self, Speech};

/// Plain phones; 1011 takes SDES only, 1012 DTLS only, 1013 SDES or nothing. 1021 sends its digits as tones, 1022 by INFO;
/// 1023 hears of a hold by a re-INVITE, and its calls are kept alive by session timers; 1024 gets several codecs in an answer. With a network there are 1041 (IPv4)
/// and 1061 (IPv6), which are called there over UDP.
pub const OPERATORS: [(&str, &str); 13] = [
    ("1001", ""),
    ("1002", ""),
    ("1003", ""),
    ("1004", ""),
    ("1005", ""),
    ("1006", ""),
    ("1011", "media_encryption = sdes"),
    ("1021", "dtmf_mode = inband\ndisallow = all\nallow = alaw"),
    ("1022", "dtmf_mode = info"),
    ("1024", "preferred_codec_only = no"),
    ("1023", "moh_passthrough = yes\ntimers = always\ntimers_min_se = 90\ntimers_sess_expires = 90"),
    ("1013", "media_encryption = sdes\nmedia_encryption_optimistic = yes"),
    (
        "1012",
        "media_encryption = dtls\ndtls_auto_generate_cert = yes\ndtls_verify = no\ndtls_setup = actpass\nice_support = yes",
    ),
];

/// SIP password of a phone.
pub fn sip_password(number: &str) -> String {
    format!("pw{number}")
}

/// Writes everything Asterisk reads under `base`.
pub fn write(root: &Path, base: &Path, settings: &PbxSettings) -> Result<()> {
    for directory in ["etc", "var/keys", "spool/monitor", "run", "log", "cache", "moh", "data/sounds"] {
        std::fs::create_dir_all(base.join(directory))?;
    }
    let modules = ["usr/lib/x86_64-linux-gnu/asterisk/modules", "usr/lib/asterisk/modules"]
        .map(|path| root.join(path))
        .into_iter()
        .find(|path| path.is_dir())
        .with_context(|| format!("{} has no Asterisk modules: `cargo xtask setup`", root.display()))?;
    let share = root.join("usr/share/asterisk");
    for (from, to) in [
        (share.join("documentation"), "data/documentation"),
        (share.join("rest-api"), "data/rest-api"),
        (share.join("sounds/en_US_f_Allison"), "data/sounds/en"),
    ] {
        let link = base.join(to);
        if !link.is_symlink() {
            std::os::unix::fs::symlink(from, link)?;
        }
    }

    // A build without a transcoder (Debian's 16) still negotiates Opus, and then breaks the call.
    let opus = ["codec_opus_open_source.so", "codec_opus.so"].iter().any(|name| modules.join(name).is_file());
    let codecs = if opus { "opus,g722,alaw,ulaw" } else { "g722,alaw,ulaw" };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let fields = [
        ("@CODECS@", codecs.to_owned()),
        ("@NETWORK@", network(settings)),
        ("@ROOT@", text(root)),
        ("@BASE@", text(base)),
        ("@MODULES@", text(&modules)),
        ("@SIP_ADDRESS@", settings.address.to_string()),
        ("@SIP_PORT@", settings.sip.to_string()),
        ("@TLS_PORT@", settings.tls.to_string()),
        ("@AMI_PORT@", settings.ami.to_string()),
        ("@RTP_FIRST@", settings.rtp.0.to_string()),
        ("@RTP_LAST@", settings.rtp.1.to_string()),
        ("@CUSTOMER_ADDRESS@", settings.customer_address.to_string()),
        ("@CUSTOMER_PORT@", settings.customer_port.to_string()),
        ("@OPERATORS@", operators(settings)),
    ];
    let office = [
        ("asterisk.conf", include_str!("../../../lab/asterisk/asterisk.conf")),
        ("extensions.conf", include_str!("../../../lab/asterisk/extensions.conf")),
        ("logger.conf", include_str!("../../../lab/asterisk/logger.conf")),
        ("manager.conf", include_str!("../../../lab/asterisk/manager.conf")),
        ("musiconhold.conf", include_str!("../../../lab/asterisk/musiconhold.conf")),
        ("pjsip.conf", include_str!("../../../lab/asterisk/pjsip.conf")),
        ("queues.conf", include_str!("../../../lab/asterisk/queues.conf")),
        ("res_parking.conf", include_str!("../../../lab/asterisk/res_parking.conf")),
        ("rtp.conf", include_str!("../../../lab/asterisk/rtp.conf")),
    ];
    let office = office.iter().copied().filter(|(name, _)| settings.files.iter().all(|(other, _)| other != name));
    let others = settings.files.iter().map(|(name, template)| (*name, template.as_str()));
    for (name, template) in office.chain(others) {
        let filled = fields.iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, value));
        std::fs::write(base.join("etc").join(name), filled)?;
    }
    std::fs::write(base.join("etc/modules.conf"), load_list(&modules))?;
    // What has no template stays as the package has it.
    for name in [
        "cdr.conf",
        "cel.conf",
        "features.conf",
        "indications.conf",
        "codecs.conf",
        "ccss.conf",
        "acl.conf",
        "udptl.conf",
        "stasis.conf",
        "pjproject.conf",
        "confbridge.conf",
    ] {
        let from = root.join("etc/asterisk").join(name);
        if from.is_file() && settings.files.iter().all(|(other, _)| *other != name) {
            std::fs::copy(&from, base.join("etc").join(name))?;
        }
    }
    // Music on hold is a signal like speech, but never like a speech of a test.
    let music = Speech::new(0, std::time::Duration::from_secs(20));
    sound::write_wav(&base.join("moh/music.wav"), music.samples())?;
    let mut names = vec!["localhost".to_owned(), settings.address.to_string()];
    names.extend(settings.network.iter().map(ToString::to_string));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    certificate::write(&base.join("etc"), "tls", &names)
}

/// Transports for phones of other hosts.
fn network(settings: &PbxSettings) -> String {
    settings
        .network
        .iter()
        .map(|address| {
            let (family, address) = match address {
                IpAddr::V4(address) => ("v4", address.to_string()),
                IpAddr::V6(address) => ("v6", format!("[{address}]")),
            };
            include_str!("../../../lab/asterisk/network.conf")
                .replace("@FAMILY@", family)
                .replace("@ADDRESS@", &address)
        })
        .collect()
}

fn operators(settings: &PbxSettings) -> String {
    let operator = |number: &str, extra: &str| {
        include_str!("../../../lab/asterisk/operator.conf")
            .replace("@NUMBER@", number)
            .replace("@PASSWORD@", &sip_password(number))
            .replace("@EXTRA@", extra)
    };
    // Asterisk calls from its first UDP transport, which reaches nothing but the loopback.
    let elsewhere = settings.network.iter().map(|address| match address {
        IpAddr::V4(_) => operator("1041", "transport = udp-v4"),
        IpAddr::V6(_) => operator("1061", "transport = udp-v6"),
    });
    OPERATORS.iter().map(|(number, extra)| operator(number, extra)).chain(elsewhere).collect()
}

fn load_list(modules: &Path) -> String {
    let mut list = String::from("[modules]\nautoload = no\n");
    for line in include_str!("../../../lab/asterisk/modules.txt").lines().filter(|line| !line.starts_with('#')) {
        for module in line.split_whitespace().filter(|module| modules.join(format!("{module}.so")).is_file()) {
            list += &format!("load = {module}.so\n");
        }
    }
    list
}
