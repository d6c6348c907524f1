//! Settings of the tenant's softphones.

use central_api::{AutoAnswer, SipCodec};
use serde::Deserialize;

use super::engine::{Row, Transaction, query};
use super::{StoreError, codec};

/// Two ports (RTP and RTCP) for each of eight calls; the softphone refuses fewer.
const FEWEST_PORTS: u16 = 16;

/// What every softphone of the tenant is told, besides its accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Softphone {
    /// Best first; what is not named is off.
    pub codecs: Vec<SipCodec>,
    /// Acoustic echo canceller.
    pub echo_cancellation: bool,
    /// First and last UDP port for RTP.
    pub rtp_ports: (u16, u16),
    /// Takes steady noise out.
    pub noise_suppression: bool,
    /// Brings voices to one loudness.
    pub gain_control: bool,
    /// Class of service of SIP packets.
    pub sip_dscp: u8,
    /// Class of service of RTP packets.
    pub rtp_dscp: u8,
    /// Which calls are answered by themselves.
    pub auto_answer: AutoAnswer,
}

/// `[tenant.softphone]`; what is absent stays as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftphoneInput {
    /// Best first; what is not named is off.
    pub codecs: Option<Vec<SipCodec>>,
    /// Acoustic echo canceller.
    pub echo_cancellation: Option<bool>,
    /// First and last UDP port for RTP.
    pub rtp_ports: Option<Vec<u16>>,
    /// Takes steady noise out of what the microphone hears.
    pub noise_suppression: Option<bool>,
    /// Brings a low or loud voice to one loudness.
    pub gain_control: Option<bool>,
    /// Class of service of SIP packets (RFC 2474).
    pub sip_dscp: Option<u8>,
    /// Class of service of RTP packets (RFC 2474).
    pub rtp_dscp: Option<u8>,
    /// Which calls are answered by themselves.
    pub auto_answer: Option<AutoAnswer>,
}

pub(super) async fn apply(tx: &mut Transaction, input: &SoftphoneInput) -> Result<(), StoreError> {
    let codecs = input.codecs.as_deref().map(checked_codecs).transpose()?;
    let ports = input.rtp_ports.as_deref().map(checked_ports).transpose()?;
    let sip_dscp = checked_dscp("sip_dscp", input.sip_dscp)?;
    let rtp_dscp = checked_dscp("rtp_dscp", input.rtp_dscp)?;
    let auto_answer = input.auto_answer.map(checked_auto_answer).transpose()?;
    query(
        "UPDATE tenant SET softphone_codecs = COALESCE($1, softphone_codecs), \
         softphone_echo_cancellation = COALESCE($2, softphone_echo_cancellation), \
         softphone_rtp_first = COALESCE($3, softphone_rtp_first), softphone_rtp_last = COALESCE($4, softphone_rtp_last), \
         softphone_noise_suppression = COALESCE($5, softphone_noise_suppression), \
         softphone_gain_control = COALESCE($6, softphone_gain_control), \
         softphone_sip_dscp = COALESCE($7, softphone_sip_dscp), softphone_rtp_dscp = COALESCE($8, softphone_rtp_dscp), \
         softphone_auto_answer = COALESCE($9, softphone_auto_answer)",
    )
    .bind(codecs)
    .bind(input.echo_cancellation.map(i64::from))
    .bind(ports.map(|(first, _)| i64::from(first)))
    .bind(ports.map(|(_, last)| i64::from(last)))
    .bind(input.noise_suppression.map(i64::from))
    .bind(input.gain_control.map(i64::from))
    .bind(sip_dscp)
    .bind(rtp_dscp)
    .bind(auto_answer)
    .execute(tx)
    .await?;
    Ok(())
}

/// The row of the tenant.
pub(super) fn read(row: &Row) -> Result<Softphone, StoreError> {
    Ok(Softphone {
        codecs: codec::from_json(row.get("softphone_codecs")?)?,
        echo_cancellation: row.get("softphone_echo_cancellation")?,
        rtp_ports: (row.get("softphone_rtp_first")?, row.get("softphone_rtp_last")?),
        noise_suppression: row.get("softphone_noise_suppression")?,
        gain_control: row.get("softphone_gain_control")?,
        sip_dscp: row.get("softphone_sip_dscp")?,
        rtp_dscp: row.get("softphone_rtp_dscp")?,
        auto_answer: codec::from_word(row.get("softphone_auto_answer")?)?,
    })
}

/// Six bits of the former type-of-service octet.
fn checked_dscp(what: &str, dscp: Option<u8>) -> Result<Option<i64>, StoreError> {
    match dscp {
        Some(dscp) if dscp > 63 => Err(StoreError::Input(format!(
            "tenant.softphone.{what} cannot be {dscp}, it has six bits; give the code point, not the octet: 0 to 63, for \
             example 46 for EF"
        ))),
        dscp => Ok(dscp.map(i64::from)),
    }
}

fn checked_auto_answer(auto_answer: AutoAnswer) -> Result<String, StoreError> {
    if auto_answer == AutoAnswer::Unknown {
        return Err(StoreError::Input(
            "tenant.softphone.auto_answer is no rule that is known; set it to \"off\", \"queue-calls\" or \"by-header\""
                .to_owned(),
        ));
    }
    codec::word(&auto_answer)
}

fn checked_codecs(codecs: &[SipCodec]) -> Result<String, StoreError> {
    if codecs.is_empty() {
        return Err(StoreError::Input(
            "tenant.softphone.codecs is empty, so no call could be made; name one or more of opus, g722, pcma, pcmu"
                .to_owned(),
        ));
    }
    if let Some((_, twice)) = codecs.iter().enumerate().find(|(at, codec)| codecs[..*at].contains(codec)) {
        return Err(StoreError::Input(format!(
            "tenant.softphone.codecs names {} twice; name each codec once, the best first",
            codec::word(twice)?
        )));
    }
    codec::json(&codecs)
}

fn checked_ports(ports: &[u16]) -> Result<(u16, u16), StoreError> {
    match ports {
        [first, last] if *first >= 1024 && last.checked_sub(*first).is_some_and(|more| more >= FEWEST_PORTS - 1) => {
            Ok((*first, *last))
        }
        _ => Err(StoreError::Input(format!(
            "tenant.softphone.rtp_ports cannot be {ports:?}; give the first and the last port, both from 1024 on and at \
             least {FEWEST_PORTS} ports in all, for example [16384, 32767]"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::{checked_codecs, checked_dscp, checked_ports};
    use central_api::SipCodec::{Opus, Pcma};

    #[test]
    fn codecs() {
        assert_eq!(checked_codecs(&[Pcma, Opus]).unwrap(), r#"["pcma","opus"]"#);
        assert!(checked_codecs(&[]).unwrap_err().to_string().contains("empty"));
        assert!(checked_codecs(&[Pcma, Opus, Pcma]).unwrap_err().to_string().contains("pcma twice"));
    }

    #[test]
    fn dscp() {
        assert_eq!(checked_dscp("rtp_dscp", Some(63)).unwrap(), Some(63));
        let refused = checked_dscp("rtp_dscp", Some(184)).unwrap_err().to_string();
        assert!(refused.contains("not the octet"), "{refused}");
    }

    #[test]
    fn ports() {
        for (ports, right) in [
            (&[16384, 32767][..], true),
            (&[1024, 1039], true),
            (&[1024, 1038], false),
            (&[1023, 2000], false),
            (&[65530, 65535], false),
            (&[2000, 1000], false),
            (&[16384], false),
            (&[16384, 20000, 32767], false),
        ] {
            assert_eq!(checked_ports(ports).is_ok(), right, "{ports:?}");
        }
    }
}
