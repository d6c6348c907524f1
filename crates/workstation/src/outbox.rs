//! What waits for the link: the last status wish of each person. Everything else is refused while central is away, so that
//! nothing happens later that the operator has forgotten.
//!
//! It lies on disk, because what was taken must outlive the program, and in a file of its own, because the cache may be
//! thrown away. Whatever is wrong with the file, the wish still goes from memory.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::host::Method;

/// Grows when an older program would misread the file.
const VERSION: u32 = 1;
const FILE: &str = "outbox.json";
/// No shift lasts longer: central would pass an older wish over, and if it restarted meanwhile it could not know.
const LAPSES_AFTER_MS: i64 = 24 * 3_600_000;

/// A wish on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wish {
    /// Idempotency key: central carries it out once, however often it is sent.
    pub key: String,
    /// Method.
    pub method: Method,
    /// Path.
    pub path: String,
    /// Body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// When it was chosen, by this machine's clock, ms since the Unix epoch.
    pub chosen_ms: i64,
    /// It is being sent now.
    #[serde(skip)]
    pub under_way: bool,
}

impl Wish {
    /// Writes its time into the body, by the server's clock. Only once, since a key must always come with the same body.
    pub(crate) fn stamp(&mut self, offset_ms: i64) {
        if let Some(Value::Object(body)) = &mut self.body {
            body.entry("chosen_at_ms").or_insert_with(|| (self.chosen_ms + offset_ms).into());
        }
    }
}

/// One place for each person at each server, since only the last wish counts.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// None when something lies there that must not be written over.
    path: Option<PathBuf>,
    wishes: BTreeMap<String, Wish>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// By [`owner`].
    wishes: BTreeMap<String, Wish>,
}

/// Whose wishes: nobody else's are ever sent, also when a server begins anew and gives the same id to another person.
pub(crate) fn owner(user: &central_api::User, server: &str) -> String {
    format!("{}#{}@{server}", user.username, user.id)
}

impl Outbox {
    /// Reads it. A file that cannot be read is set aside, never thrown away: a newer program may know what is in it.
    pub(crate) fn open(data_dir: &Path, now_ms: i64) -> Self {
        let path = data_dir.join(FILE);
        let mut wishes = match read(&path) {
            Ok(wishes) => wishes,
            Err(why) => match set_aside(&path) {
                Ok(aside) => {
                    tracing::warn!(%why, aside = %aside.display(), "the outbox cannot be read and is set aside");
                    BTreeMap::new()
                }
                Err(error) => {
                    tracing::error!(%why, %error, "the outbox can neither be read nor set aside; wishes that wait are in memory only");
                    return Self { path: None, wishes: BTreeMap::new() };
                }
            },
        };
        wishes.retain(|_, wish| now_ms - wish.chosen_ms < LAPSES_AFTER_MS);
        Self { path: Some(path), wishes }
    }

    /// The last wish takes the place of an earlier one.
    pub(crate) fn put(&mut self, owner: &str, wish: Wish) {
        self.wishes.insert(owner.to_owned(), wish);
        self.write();
    }

    /// What is to be sent now, if it is not under way already; the server's clock is `offset_ms` ahead of ours.
    pub(crate) fn next(&mut self, owner: &str, offset_ms: i64) -> Option<Wish> {
        let wish = self.wishes.get_mut(owner).filter(|wish| !wish.under_way)?;
        wish.under_way = true;
        let before = wish.body.clone();
        wish.stamp(offset_ms);
        let wish = wish.clone();
        if wish.body != before {
            self.write();
        }
        Some(wish)
    }

    /// Central has answered, yes or no: it need not be sent again.
    pub(crate) fn settled(&mut self, owner: &str, key: &str) {
        if self.wishes.get(owner).is_some_and(|wish| wish.key == key) {
            self.forget(owner);
        }
    }

    /// Central was not reached: it waits.
    pub(crate) fn not_sent(&mut self, owner: &str, key: &str) {
        if let Some(wish) = self.wishes.get_mut(owner).filter(|wish| wish.key == key) {
            wish.under_way = false;
        }
    }

    /// The shift is over, and its wish with it.
    pub(crate) fn forget(&mut self, owner: &str) {
        if self.wishes.remove(owner).is_some() {
            self.write();
        }
    }

    fn write(&self) {
        let Some(path) = &self.path else { return };
        let written = if self.wishes.is_empty() { remove(path) } else { self.replace(path) };
        if let Err(error) = written {
            tracing::error!(%error, "the outbox cannot be written; a status that waits for central is lost if the program ends");
            // An older wish must not come back in the place of this one.
            let _ = remove(path);
        }
    }

    fn replace(&self, path: &Path) -> io::Result<()> {
        let kept = Kept { version: VERSION, wishes: self.wishes.clone() };
        let fresh = path.with_extension("json.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(&kept).map_err(io::Error::other)?)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        // The name too, else a power cut brings the older wish back. Windows cannot, and need not.
        #[cfg(unix)]
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Wish>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.to_string()),
    };
    let any: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    match any["version"].as_u64() {
        Some(version) if version > VERSION.into() => Err(format!("version {version} is newer than {VERSION}")),
        _ => serde_json::from_value::<Kept>(any).map(|kept| kept.wishes).map_err(|error| error.to_string()),
    }
}

/// Beside those that were set aside before.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let free = (1..).map(|number: u32| path.with_extension(format!("json.aside-{number}"))).find(|path| !path.exists());
    let aside = free.ok_or(io::ErrorKind::AlreadyExists)?;
    std::fs::rename(path, &aside).map(|()| aside)
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{FILE, LAPSES_AFTER_MS, Outbox, VERSION, Wish};
    use crate::host::Method;
    use serde_json::json;
    use std::path::Path;

    const NOW: i64 = 1_790_000_000_000;
    const ANNA: &str = "anna#1@https://central.example";

    fn wish(key: &str) -> Wish {
        let body = Some(json!({ "kind": "available" }));
        Wish { key: key.into(), method: Method::Put, path: "/x".into(), body, chosen_ms: NOW, under_way: false }
    }

    fn open(dir: &Path) -> Outbox {
        Outbox::open(dir, NOW)
    }

    fn next_key(outbox: &mut Outbox, owner: &str) -> Option<String> {
        outbox.next(owner, 0).map(|wish| wish.key)
    }

    #[test]
    fn only_the_last_wish_is_sent_and_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut outbox = open(dir.path());
        outbox.put(ANNA, wish("a"));
        outbox.put(ANNA, wish("b"));
        assert_eq!(next_key(&mut outbox, ANNA).as_deref(), Some("b"));
        assert_eq!(next_key(&mut outbox, ANNA), None, "it is under way");
        outbox.put(ANNA, wish("c"));
        outbox.not_sent(ANNA, "b");
        outbox.settled(ANNA, "b");
        assert_eq!(next_key(&mut outbox, ANNA).as_deref(), Some("c"), "an older answer does not touch it");
        outbox.not_sent(ANNA, "c");
        assert_eq!(next_key(&mut outbox, ANNA).as_deref(), Some("c"), "with the same key");
        outbox.settled(ANNA, "c");
        assert_eq!(next_key(&mut outbox, ANNA), None);
        assert_eq!(next_key(&mut open(dir.path()), ANNA), None, "nor after a start");
    }

    #[test]
    fn it_outlives_the_program_at_every_step() {
        let dir = tempfile::tempdir().expect("a directory");
        // Each `open` is a program that starts after the one before was killed.
        open(dir.path()).put(ANNA, wish("a"));
        let mut killed = open(dir.path());
        killed.put(ANNA, wish("b"));
        let sent = killed.next(ANNA, 2_000).expect("it was kept");
        assert_eq!((sent.key.as_str(), &sent.body.expect("a body")["chosen_at_ms"]), ("b", &json!(NOW + 2_000)));
        // While it was under way; clocks have moved since, but a key always comes with the same body.
        let mut after = open(dir.path());
        let again = after.next(ANNA, 9_000).expect("no answer was seen");
        assert_eq!((again.key.as_str(), &again.body.expect("a body")["chosen_at_ms"]), ("b", &json!(NOW + 2_000)));
        after.forget(ANNA);
        assert_eq!(next_key(&mut open(dir.path()), ANNA), None);
        assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0, "nothing is left");
    }

    #[test]
    fn everybody_has_an_own_one_and_it_lapses() {
        let dir = tempfile::tempdir().expect("a directory");
        open(dir.path()).put(ANNA, wish("a"));
        let mut outbox = open(dir.path());
        for other in
            ["olga#2@https://central.example", "anna#1@https://other.example", "olga#1@https://central.example"]
        {
            assert_eq!(next_key(&mut outbox, other), None, "{other}");
        }
        outbox.put("olga#2@https://central.example", wish("o"));
        assert_eq!(next_key(&mut open(dir.path()), ANNA).as_deref(), Some("a"), "hers waits for her");
        let mut tomorrow = Outbox::open(dir.path(), NOW + LAPSES_AFTER_MS);
        assert_eq!(next_key(&mut tomorrow, ANNA), None);
    }

    #[test]
    fn what_cannot_be_read_is_set_aside_and_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let newer = json!({ "version": VERSION + 1, "wishes": "otherwise" }).to_string();
        let contents = ["", "{\"version\":1,\"wishes\":{\"anna", newer.as_str(), "{}"];
        for (index, content) in contents.iter().enumerate() {
            std::fs::write(dir.path().join(FILE), content).expect("written");
            let mut outbox = open(dir.path());
            assert_eq!(next_key(&mut outbox, ANNA), None, "{content}");
            outbox.put(ANNA, wish("a"));
            assert_eq!(
                next_key(&mut open(dir.path()), ANNA).as_deref(),
                Some("a"),
                "and a new one is begun: {content}"
            );
            let aside = dir.path().join(format!("{FILE}.aside-{}", index + 1));
            assert_eq!(std::fs::read_to_string(aside).expect("set aside"), *content);
        }
    }

    #[test]
    fn a_disk_that_takes_nothing_costs_only_the_memory() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut outbox = open(dir.path());
        outbox.put(ANNA, wish("a"));
        // No file can be made in its place.
        std::fs::create_dir(dir.path().join("outbox.json.new")).expect("made");
        outbox.put(ANNA, wish("b"));
        assert_eq!(next_key(&mut outbox, ANNA).as_deref(), Some("b"), "it goes from memory");
        assert_eq!(next_key(&mut open(dir.path()), ANNA), None, "the older one does not come back");
    }
}
