//! The secrets of a profile: they lie in the keyring, the rest of it lies in the cache.

use central_api::{Secret, SoftphoneProfile};
use std::collections::BTreeMap;

/// By name in the keyring: `7` is the password of phone 7, `turn:7` that of its TURN server.
pub(crate) fn of(profile: &SoftphoneProfile) -> BTreeMap<String, Secret> {
    let mut profile = profile.clone();
    let each = places(&mut profile).into_iter();
    each.map(|(name, secret)| (name, std::mem::replace(secret, Secret::new("")))).collect()
}

/// The profile as it may lie in a file.
pub(crate) fn without(profile: &SoftphoneProfile) -> SoftphoneProfile {
    let mut profile = profile.clone();
    for (_, secret) in places(&mut profile) {
        *secret = Secret::new("");
    }
    profile
}

/// Puts them back; nothing when one is missing.
pub(crate) fn back_into(mut profile: SoftphoneProfile, secrets: &BTreeMap<String, Secret>) -> Option<SoftphoneProfile> {
    for (name, secret) in places(&mut profile) {
        *secret = secrets.get(&name)?.clone();
    }
    Some(profile)
}

fn places(profile: &mut SoftphoneProfile) -> Vec<(String, &mut Secret)> {
    let mut places = Vec::new();
    for account in &mut profile.accounts {
        places.push((account.phone.to_string(), &mut account.password));
        if let Some(turn) = &mut account.nat.turn {
            places.push((format!("turn:{}", account.phone), &mut turn.password));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use central_api::SoftphoneProfile;
    use serde_json::json;

    use super::{back_into, of, without};

    #[test]
    fn what_is_cached_has_no_secret_and_gets_them_back() {
        let profile: SoftphoneProfile = serde_json::from_value(json!({
            "revision": 3, "codecs": [], "echo_cancellation": true, "rtp_ports": [1, 2],
            "accounts": [{
                "phone": 7, "pbx": 1, "pbx_name": "Office", "server": "pbx", "port": 0, "transport": "udp", "domain": "pbx",
                "user": "101", "password": "sip-secret", "display_name": "", "encryption": "off",
                "nat": {"turn": {"server": {"host": "turn", "port": 1}, "transport": "udp", "user": "u", "password": "turn-secret"}}
            }]
        }))
        .expect("a profile");
        let cached = without(&profile);
        let text = serde_json::to_string(&cached).expect("json");
        assert!(!text.contains("secret"), "{text}");
        let mut secrets = of(&profile);
        assert_eq!(secrets.keys().collect::<Vec<_>>(), ["7", "turn:7"]);
        assert_eq!(back_into(cached.clone(), &secrets), Some(profile));
        secrets.remove("turn:7");
        assert_eq!(back_into(cached, &secrets), None);
    }
}
