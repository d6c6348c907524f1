//! The system packages, each group with its reason. This is the one list; docs and messages are made from it.

/// How to see, on a system without dpkg, that a package's content is there.
#[derive(Debug, Clone, Copy)]
pub enum Probe {
    /// A program on the PATH.
    Program(&'static str),
    /// A module pkg-config knows.
    PkgConfig(&'static str),
    /// A file.
    File(&'static str),
}
use Probe::{File, PkgConfig, Program};

/// Packages that are needed for one reason.
#[derive(Debug)]
pub struct Group {
    pub why: &'static str,
    pub packages: &'static [(&'static str, Probe)],
}

pub const GROUPS: &[Group] = &[
    Group {
        why: "the desktop shell: Tauri on WebKitGTK, tray, window control",
        packages: &[
            ("libwebkit2gtk-4.1-dev", PkgConfig("webkit2gtk-4.1")),
            ("libgtk-3-dev", PkgConfig("gtk+-3.0")),
            ("librsvg2-dev", PkgConfig("librsvg-2.0")),
            ("libayatana-appindicator3-dev", PkgConfig("ayatana-appindicator3-0.1")),
            ("libsoup-3.0-dev", PkgConfig("libsoup-3.0")),
            ("libxdo-dev", File("/usr/include/xdo.h")),
            ("libssl-dev", PkgConfig("openssl")),
            ("libdbus-1-dev", PkgConfig("dbus-1")),
            ("patchelf", Program("patchelf")),
            ("xdg-utils", Program("xdg-open")),
        ],
    },
    Group {
        why: "the softphone: pjproject is built from source, its C interface is read by bindgen",
        packages: &[
            ("build-essential", Program("g++")),
            ("pkg-config", Program("pkg-config")),
            ("libopus-dev", PkgConfig("opus")),
            ("libspeex-dev", PkgConfig("speex")),
            ("libspeexdsp-dev", PkgConfig("speexdsp")),
            ("libgsm1-dev", File("/usr/include/gsm.h")),
            ("libasound2-dev", PkgConfig("alsa")),
            ("libpulse-dev", PkgConfig("libpulse")),
            ("uuid-dev", PkgConfig("uuid")),
            ("libclang-dev", Program("clang")),
            ("clang", Program("clang")),
        ],
    },
    Group {
        why: "fetching third-party sources and Asterisk by package, in a private apt state",
        packages: &[
            ("dpkg-dev", Program("dpkg-source")),
            ("debian-archive-keyring", File("/usr/share/keyrings/debian-archive-keyring.gpg")),
            ("xz-utils", Program("xz")),
            ("ca-certificates", File("/etc/ssl/certs/ca-certificates.crt")),
        ],
    },
    Group {
        why: "the lab: PBX's certificate and sound files, virtual sound card, network namespaces",
        packages: &[
            ("openssl", Program("openssl")),
            ("pulseaudio", Program("pulseaudio")),
            ("pulseaudio-utils", Program("paplay")),
            ("libasound2-plugins", File("/usr/lib/x86_64-linux-gnu/alsa-lib/libasound_module_pcm_pulse.so")),
            ("sox", Program("sox")),
            ("iproute2", Program("ip")),
            ("util-linux", Program("unshare")),
            ("procps", Program("ps")),
        ],
    },
    Group {
        why: "the lab's desktop: display, window manager, session bus with a keyring, WebDriver",
        packages: &[
            ("xvfb", Program("Xvfb")),
            ("openbox", Program("openbox")),
            ("dbus", Program("dbus-daemon")),
            ("dbus-x11", Program("dbus-launch")),
            ("gnome-keyring", Program("gnome-keyring-daemon")),
            ("webkit2gtk-driver", Program("WebKitWebDriver")),
            ("xdotool", Program("xdotool")),
            ("x11-utils", Program("xwininfo")),
            ("imagemagick", Program("convert")),
            ("fonts-dejavu-core", File("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")),
        ],
    },
    Group {
        why: "central on a database server: its tests start one of their own, no other is left running",
        packages: &[("postgresql", Program("initdb"))],
    },
    Group {
        why: "pages and words: the browser of the UI tests, gettext's tools",
        packages: &[("chromium", Program("chromium")), ("gettext", Program("msgfmt"))],
    },
];

/// Every package with how to see it.
pub fn all() -> impl Iterator<Item = (&'static str, Probe)> {
    GROUPS.iter().flat_map(|group| group.packages.iter().copied())
}
