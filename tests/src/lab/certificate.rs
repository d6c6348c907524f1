//! Certificates by an authority of the lab's own.

use std::path::Path;

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Writes `NAME.crt`, `NAME.key` for these names and addresses, and the authority's `ca.crt`; once for a directory.
pub(super) fn write(directory: &Path, name: &str, subjects: &[&str]) -> Result<()> {
    let (certificate_file, key_file) = (directory.join(format!("{name}.crt")), directory.join(format!("{name}.key")));
    if certificate_file.is_file() {
        return Ok(());
    }
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "Linedesk lab");
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(subjects.iter().map(|subject| (*subject).to_owned()).collect::<Vec<_>>())?;
    leaf.distinguished_name.push(DnType::CommonName, subjects.first().copied().unwrap_or("localhost"));
    let certificate = leaf.signed_by(&key, &issuer)?;
    std::fs::write(directory.join("ca.crt"), authority_certificate.pem())?;
    std::fs::write(certificate_file, certificate.pem())?;
    std::fs::write(key_file, key.serialize_pem())?;
    Ok(())
}
