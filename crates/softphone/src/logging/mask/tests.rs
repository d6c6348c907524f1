use proptest::prelude::*;

use super::masked;

#[test]
fn numbers_keep_their_last_two_digits() {
    let table = [
        ("INVITE sip:74951234567@pbx;user=phone SIP/2.0", "INVITE sip:…67@pbx;user=phone SIP/2.0"),
        ("From: \"Jane Doe\" <sip:1001@pbx>;tag=a", "From: \"…\" <sip:…01@pbx>;tag=a"),
        ("From: \"+7 495 123-45-67\" <sip:+74951234567@pbx>", "From: \"…67\" <sip:…67@pbx>"),
        ("From: Jane Doe <sips:jane@pbx>", "From: … <sips:…@pbx>"),
        ("f:\"A \\\" B\"<sip:12345@pbx>", "f:\"…\" <sip:…45@pbx>"),
        (
            "P-Asserted-Identity: <tel:+4930123456>, \"x\" <sip:99887@h>",
            "P-Asserted-Identity: <tel:…56>, \"…\" <sip:…87@h>",
        ),
        ("Contact: <sip:1001:secret@10.0.0.1:5062;ob>;expires=120", "Contact: <sip:…01@10.0.0.1:5062;ob>;expires=120"),
        ("To: <tel:5551234;phone-context=+18005551234>", "To: <tel:…34;phone-context=+…34>"),
        ("Route: <sip:pbx.example:5060;transport=tcp;lr>", "Route: <sip:pbx.example:5060;transport=tcp;lr>"),
        ("From: <sip:anonymous@anonymous.invalid>;tag=1", "From: <sip:anonymous@anonymous.invalid>;tag=1"),
        ("X-Customer: 74951234567", "X-Customer: …67"),
        ("the number is +74951234567.", "the number is +…67."),
        ("srtp0x7f TX: AES_CM_128_HMAC_SHA1_80 key=WnD8s+aa/0==", "srtp0x7f TX: AES_CM_128_HMAC_SHA1_80 key=…"),
        ("Signal=5", "Signal=…"),
        ("Signal= 5", "Signal=…"),
        ("5", "…"),
        ("Call 0 dialing DTMF 1234#", "Call 0 dialing DTMF …"),
        ("Call 0 sending DTMF 1234 using RFC2833 method", "Call 0 sending DTMF … using RFC2833 method"),
        ("Sending DTMF digit id 5", "Sending DTMF digit id …"),
        ("o=1001 3938 3939 IN IP4 127.0.0.1", "o=…01 3938 3939 IN IP4 127.0.0.1"),
        // What a fault is found by stays.
        ("Call-ID: 12345678901@10.0.0.1", "Call-ID: 12345678901@10.0.0.1"),
        ("call=3 sip_call_id=0b0c7a11-12345678", "call=3 sip_call_id=0b0c7a11-12345678"),
        (
            "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKPj1234567890",
            "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKPj1234567890",
        ),
        ("CSeq: 31337000 REGISTER", "CSeq: 31337000 REGISTER"),
        ("o=- 3938111111 3938111112 IN IP4 127.0.0.1", "o=- 3938111111 3938111112 IN IP4 127.0.0.1"),
        ("a=rtpmap:96 opus/48000/2", "a=rtpmap:96 opus/48000/2"),
        ("2026-05-01T10:20:30.123456Z  INFO pjlib: DTMF added", "2026-05-01T10:20:30.123456Z  INFO pjlib: DTMF added"),
    ];
    for (text, expected) in table {
        assert_eq!(masked(text, false), expected, "{text}");
    }
    assert_eq!(masked("INVITE sip:74951234567@pbx SIP/2.0", true), "INVITE sip:74951234567@pbx SIP/2.0");
}

#[test]
fn secrets_go_even_when_numbers_are_wanted() {
    let table = [
        (
            "Authorization: Digest username=\"1\", response=\"abc\"\r\nCSeq: 1 REGISTER\r\n",
            "Authorization:…\r\nCSeq: 1 REGISTER\r\n",
        ),
        ("proxy-authorization :Digest response=abc", "proxy-authorization :…"),
        (
            "WWW-Authenticate: Digest realm=\"r\",\r\n nonce=\"abc\",\r\n\topaque=\"def\"\r\nTo: x\r\n",
            "WWW-Authenticate:…\r\n\r\n\r\nTo: x\r\n",
        ),
        ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abcdef|2^20", "a=crypto:…"),
        ("A=CRYPTO:1 x inline:abcdef", "A=CRYPTO:…"),
        ("a=ice-pwd:abcdef", "a=ice-pwd:…"),
        ("k=clear:abcdef", "k=…"),
        ("an answer with nonce=\"a\\\"bc\", realm=\"r\"", "an answer with nonce=…, realm=\"r\""),
        ("key inline:abcdef|1:4 was taken", "key inline:…|1:4 was taken"),
        ("Error: bad header 'Authorization: Digest response=abc'", "Error: …"),
    ];
    for (text, expected) in table {
        let out = masked(text, true);
        if expected.starts_with("Error") {
            assert!(!out.contains("abc"), "{out}");
        } else {
            assert_eq!(out, expected, "{text}");
        }
    }
}

/// Digits, letters and what base64 adds, long enough not to stand in the rest by chance.
fn key() -> impl Strategy<Value = String> {
    "[A-Za-z0-9+/]{24,40}"
}

fn cased(word: &str, upper: bool) -> String {
    if upper { word.to_ascii_uppercase() } else { word.to_owned() }
}

proptest! {
    #[test]
    fn no_digest_and_no_key_survives(
        key in key(),
        shape in 0usize..10,
        upper in any::<bool>(),
        fold in "(\r\n |\r\n\t|\n |)",
        before in "([A-Z][a-z-]{2,8}: [ -~]{0,30}\r\n){0,3}",
        behind in "(\r\nCSeq: 1 INVITE\r\n)?",
        numbers in any::<bool>(),
    ) {
        let line = match shape {
            0 => format!("{} Digest username=\"1\",{fold} response=\"{key}\"", cased("Authorization:", upper)),
            1 => format!("{}{fold} Digest realm=\"r\",{fold} nonce=\"{key}\", opaque=\"{key}\"", cased("www-authenticate:", upper)),
            2 => format!("Proxy-Authenticate : Digest nonce={key}"),
            3 => format!("{}1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20|1:4", cased("a=crypto:", upper)),
            4 => format!("a=ice-pwd:{key}"),
            5 => format!("something with {}\"{key}\" in it", cased("response=", upper)),
            6 => format!("something with {}{key} in it", cased("inline:", upper)),
            7 => format!("Authentication-Info: nextnonce=\"{key}\",{fold} rspauth=\"{key}\""),
            8 => format!("X: Digest {key}"),
            _ => format!("Authorization: Bearer {key}"),
        };
        let out = masked(&format!("{before}{line}{behind}"), numbers);
        prop_assert!(!out.contains(&key), "{}", out);
    }

    #[test]
    fn no_number_of_an_address_survives(
        number in "\\+?[0-9]{5,15}",
        name in "[A-Z][a-z]{4,9}( [A-Z][a-z]{4,9})?",
        header in "(From|To|f|t|Contact|P-Asserted-Identity|Remote-Party-ID|Refer-To|Diversion)",
        quoted in any::<bool>(),
        scheme in "(sip|SIP|sips|tel)",
    ) {
        let shown = if quoted { format!("\"{name} {number}\" ") } else { format!("{name} ") };
        let host = if scheme == "tel" { "" } else { "@pbx.example:5061" };
        let out = masked(&format!("{header}: {shown}<{scheme}:{number}{host};x=y>;tag=1"), false);
        prop_assert!(!out.contains(number.trim_start_matches('+')) && !out.contains(&name), "{}", out);
        prop_assert!(out.contains(&number[number.len() - 2..]), "{}", out);
    }

    /// Whatever comes, lines stay lines, and nothing panics at a character's middle.
    #[test]
    fn any_text(text in any::<String>(), numbers in any::<bool>()) {
        let out = masked(&text, numbers);
        prop_assert_eq!(out.matches('\n').count(), text.matches('\n').count());
    }
}
