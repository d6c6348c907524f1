//! Where this installation keeps its things.

use anyhow::Context as _;
use directories::ProjectDirs;
use std::path::PathBuf;

/// Directories and programs.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Cache, record, logs.
    pub data_dir: PathBuf,
    /// The softphone's socket and attach file.
    pub runtime_dir: PathBuf,
    /// Language and theme.
    pub preferences: PathBuf,
    /// `linedesk-softphone`.
    pub softphone: PathBuf,
    /// One more authority for central.
    pub extra_ca: Option<PathBuf>,
    /// The data directory was given: another one is another installation, which may run beside the first.
    pub is_own_installation: bool,
}

impl Paths {
    /// By the environment (`LINEDESK_DATA_DIR`, `LINEDESK_RUNTIME_DIR`, `LINEDESK_SOFTPHONE`, `LINEDESK_CA_FILE`), else by
    /// the system's custom.
    pub fn find() -> anyhow::Result<Self> {
        let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let system = ProjectDirs::from("org", "linedesk", "Linedesk")
            .context("your home directory is not known; set HOME, or LINEDESK_DATA_DIR")?;
        let own_data = given("LINEDESK_DATA_DIR");
        let data_dir = own_data.clone().unwrap_or_else(|| system.data_local_dir().to_owned());
        let runtime_dir = given("LINEDESK_RUNTIME_DIR").unwrap_or_else(|| match (&own_data, system.runtime_dir()) {
            (None, Some(system)) => system.to_owned(),
            _ => data_dir.join("run"),
        });
        let config_dir = own_data.clone().unwrap_or_else(|| system.config_dir().to_owned());
        Ok(Self {
            preferences: config_dir.join("preferences.json"),
            softphone: match given("LINEDESK_SOFTPHONE") {
                Some(path) => path,
                None => workstation::beside_this_program("linedesk-softphone")
                    .context("where this program lies is not known; set LINEDESK_SOFTPHONE")?,
            },
            extra_ca: given("LINEDESK_CA_FILE"),
            is_own_installation: own_data.is_some(),
            data_dir,
            runtime_dir,
        })
    }
}
