//! Settings of the tenant's softphones.

use central_api::SipCodec;
use serde::Deserialize;
use sqlx::SqliteConnection;

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
}

pub(super) async fn apply(tx: &mut SqliteConnection, input: &SoftphoneInput) -> Result<(), StoreError> {
    let codecs = input.codecs.as_deref().map(checked_codecs).transpose()?;
    let ports = input.rtp_ports.as_deref().map(checked_ports).transpose()?;
    sqlx::query(
        "UPDATE tenant SET softphone_codecs = COALESCE($1, softphone_codecs), \
         softphone_echo_cancellation = COALESCE($2, softphone_echo_cancellation), \
         softphone_rtp_first = COALESCE($3, softphone_rtp_first), softphone_rtp_last = COALESCE($4, softphone_rtp_last)",
    )
    .bind(codecs)
    .bind(input.echo_cancellation.map(i64::from))
    .bind(ports.map(|(first, _)| i64::from(first)))
    .bind(ports.map(|(_, last)| i64::from(last)))
    .execute(&mut *tx)
    .await?;
    Ok(())
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
    use super::{checked_codecs, checked_ports};
    use central_api::SipCodec::{Opus, Pcma};

    #[test]
    fn codecs() {
        assert_eq!(checked_codecs(&[Pcma, Opus]).unwrap(), r#"["pcma","opus"]"#);
        assert!(checked_codecs(&[]).unwrap_err().to_string().contains("empty"));
        assert!(checked_codecs(&[Pcma, Opus, Pcma]).unwrap_err().to_string().contains("pcma twice"));
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
