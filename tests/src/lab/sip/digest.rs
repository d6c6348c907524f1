//! Digest access authentication with MD5 (RFC 2617, RFC 3261 section 22), which is what every PBX of an office asks for.

use md5::{Digest, Md5};

/// Who logs in. The password shows in no debug output.
#[derive(Clone)]
pub struct Login {
    /// User name of the phone.
    pub user: String,
    /// Its secret.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What a 401 asks (WWW-Authenticate).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    quality: bool,
}

impl Challenge {
    /// Reads the value of a WWW-Authenticate header; nothing when it is not Digest with MD5.
    pub fn parse(value: &str) -> Option<Self> {
        let fields = value.trim().strip_prefix("Digest")?;
        let field = |wanted: &str| {
            split_outside_quotes(fields).find_map(|field| {
                let (name, value) = field.split_once('=')?;
                name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
            })
        };
        if field("algorithm").is_some_and(|algorithm| !algorithm.eq_ignore_ascii_case("MD5")) {
            return None;
        }
        let quality = field("qop").is_some_and(|qop| qop.split(',').any(|word| word.trim() == "auth"));
        Some(Self { realm: field("realm")?, nonce: field("nonce")?, opaque: field("opaque"), quality })
    }

    /// The value of the Authorization header. `client` is a word of ours that was not used before.
    pub fn answer(&self, login: &Login, method: &str, uri: &str, client: &str) -> String {
        let Self { realm, nonce, opaque, quality } = self;
        let secret = hash(&format!("{}:{realm}:{}", login.user, login.password));
        let request = hash(&format!("{method}:{uri}"));
        let user = &login.user;
        let mut text =
            format!(r#"Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5"#);
        if *quality {
            let response = hash(&format!("{secret}:{nonce}:00000001:{client}:auth:{request}"));
            text += &format!(r#", qop=auth, nc=00000001, cnonce="{client}", response="{response}""#);
        } else {
            text += &format!(r#", response="{}""#, hash(&format!("{secret}:{nonce}:{request}")));
        }
        if let Some(opaque) = opaque {
            text += &format!(r#", opaque="{opaque}""#);
        }
        text
    }
}

/// Fields between commas; a quoted value may have commas of its own (`qop="auth,auth-int"`).
fn split_outside_quotes(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    })
}

fn hash(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2617, section 3.5.
    #[test]
    fn the_example_of_the_rfc() {
        let challenge = Challenge::parse(
            r#"Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41""#,
        )
        .unwrap();
        let login = Login { user: "Mufasa".to_owned(), password: "Circle Of Life".to_owned() };
        let answer = challenge.answer(&login, "GET", "/dir/index.html", "0a4f113b");
        assert!(answer.contains(r#"response="6629fae49393a05397450978507c4ef1""#), "{answer}");
        assert!(answer.contains(r#"opaque="5ccc069c403ebaf9f0171e9517f40e41""#), "{answer}");
        assert!(!format!("{login:?}").contains("Circle"));
    }

    #[test]
    fn another_algorithm_is_not_answered() {
        assert_eq!(Challenge::parse(r#"Digest realm="a", nonce="b", algorithm=SHA-256"#), None);
        assert_eq!(Challenge::parse(r#"Basic realm="a""#), None);
    }
}
