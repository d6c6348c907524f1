//! `linedesk-central apply`: one TOML file says what there is to be. Repeating it changes nothing.

use anyhow::{anyhow, bail};

use crate::clock::now_ms;
use crate::identity::Passwords;
use crate::store::{Input, PasswordHashes, Store, fold};

/// No shorter password is taken.
const SHORTEST_PASSWORD: usize = 8;

/// Reads the text of a file; `name` is what messages call it.
///
/// # Errors
/// When it is not TOML or says something unknown. The message names the line but never quotes it: it may hold a secret.
pub fn parse(name: &str, text: &str) -> anyhow::Result<Input> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        anyhow!("{name}, line {line}: {}; mend it and apply again", error.message())
    })
}

/// Carries it out, all or nothing. Gives what may not be meant so, as texts for a person.
///
/// # Errors
/// When something named is missing, a password is too short, or the database refuses.
pub async fn carry_out(store: &Store, input: &Input) -> anyhow::Result<Vec<String>> {
    let passwords = Passwords::new().await?;
    let mut hashes = PasswordHashes::new();
    for user in &input.users {
        let Some(password) = &user.password else { continue };
        if password.expose().chars().count() < SHORTEST_PASSWORD {
            bail!(
                "the password of {} is shorter than {SHORTEST_PASSWORD} characters; choose a longer one",
                user.username
            );
        }
        let stored = store.credentials(&user.username).await?.map(|(_, hash)| hash);
        // The same password keeps its hash, so that a repeated file changes nothing.
        if stored.is_none() || !passwords.verify(password.clone(), stored).await {
            hashes.insert(fold(&user.username), passwords.hash(password.clone()).await?);
        }
    }
    Ok(store.apply(input, &hashes, now_ms()).await?)
}
