//! Compiles `locales/*.po` to the .mo files that `lib.rs` embeds: no tool of the system is needed.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Languages with a catalogue; English is the source's.
const TRANSLATED: &[&str] = &["ru"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let locales = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../locales");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?).join("locale");
    println!("cargo::rerun-if-changed={}", locales.display());
    println!("cargo::rustc-env=LINEDESK_BUILT_LOCALES={}", out.display());
    println!("cargo::rerun-if-env-changed=LINEDESK_LOCALE_DIR");

    for language in TRANSLATED {
        let source = locales.join(format!("{language}.po"));
        println!("cargo::rerun-if-changed={}", source.display());
        let mut catalogue = polib::po_file::parse(&source).map_err(|error| {
            io::Error::other(format!(
                "{} cannot be read: {error}; mend it, or run: npm --prefix ui run i18n:extract",
                source.display()
            ))
        })?;
        // Without its name the reader takes the plural rule of English.
        if catalogue.metadata.language.is_empty() {
            catalogue.metadata.language = (*language).to_owned();
        }
        let folder = out.join(language).join("LC_MESSAGES");
        fs::create_dir_all(&folder)?;
        polib::mo_file::write(&catalogue, &folder.join("linedesk.mo"))?;
    }
    Ok(())
}
