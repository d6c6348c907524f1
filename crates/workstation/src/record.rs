//! The small file that says who was here last: no secret in it.

use serde::{Deserialize, Serialize};
use std::path::Path;

/// File name below the data directory.
const FILE: &str = "workstation.json";

/// Who was here last, and what this installation is called.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// Made once; central knows the seat by it.
    pub machine: String,
    /// Server used last.
    pub server: String,
    /// Name used last.
    pub username: String,
    /// Session that goes on at the next start; its secrets are in the keyring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl Record {
    /// Reads it; the first start makes a machine id.
    pub(crate) fn load(data_dir: &Path) -> Self {
        let read = std::fs::read(data_dir.join(FILE)).ok();
        let mut record: Self = read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        if record.machine.is_empty() {
            record.machine = uuid::Uuid::new_v4().to_string();
            record.save(data_dir);
        }
        record
    }

    /// Writes it; a failure costs only convenience, so it is logged and no more.
    pub(crate) fn save(&self, data_dir: &Path) {
        let write = || -> std::io::Result<()> {
            let fresh = data_dir.join(format!("{FILE}.new"));
            std::fs::write(&fresh, serde_json::to_vec_pretty(self).map_err(std::io::Error::other)?)?;
            std::fs::rename(&fresh, data_dir.join(FILE))
        };
        if let Err(error) = write() {
            tracing::warn!(%error, "who was here last cannot be written down");
        }
    }

    /// Name of the keyring's entry: one for each installation, since each has its own session.
    pub(crate) fn keyring_name(&self) -> String {
        format!("{}@{}#{}", self.username, self.server, self.machine)
    }
}

/// What people call this machine.
pub(crate) fn machine_name() -> String {
    let from_file =
        || std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    std::env::var("COMPUTERNAME")
        .ok()
        .or_else(|| from_file().ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "workstation".to_owned())
}
