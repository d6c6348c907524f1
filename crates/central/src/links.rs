//! The edge to the PBXs: the only place where the desk can be given another PBX than a real one.

use central_api::Secret;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::sync::Arc;
use tokio::sync::mpsc;

use crate::collector::Handle;
use crate::pbx::contract::{PbxCommand, PbxReport};
use crate::pbx::{self, PbxConfig, PbxHandle};
use crate::store::{PbxRow, is_this_machine};

/// Opens links.
pub trait Links: Send + Sync + std::fmt::Debug {
    /// Begins to work with a PBX; reports come until the link is dropped, and what happens there goes to `calls`.
    fn open(
        &self,
        pbx: &PbxRow,
        secret: Secret,
        calls: Option<Handle>,
        reports: mpsc::Sender<PbxReport>,
    ) -> Box<dyn Link>;
}

/// One PBX.
pub trait Link: Send + Sync + std::fmt::Debug {
    /// Hands a command over; it waits in the actor while the PBX is away.
    fn send(&self, command: PbxCommand);
}

/// Real PBXs, over the manager interface.
#[derive(Debug, Clone, Copy)]
pub struct Ami;

impl Links for Ami {
    fn open(
        &self,
        pbx: &PbxRow,
        secret: Secret,
        calls: Option<Handle>,
        reports: mpsc::Sender<PbxReport>,
    ) -> Box<dyn Link> {
        let tls = match pbx.tls.then(|| trust(pbx)).transpose() {
            Ok(tls) => tls,
            Err(error) => {
                tracing::error!(pbx = pbx.name, %error, "no link to this PBX: mend its certification authority and apply again");
                return Box::new(AmiLink { actor: None });
            }
        };
        if tls.is_none() && !is_this_machine(&pbx.host) {
            tracing::warn!(
                pbx = pbx.name,
                host = pbx.host,
                "the AMI secret travels in clear; set `tls = true` for this PBX"
            );
        }
        let config = PbxConfig {
            id: pbx.id,
            name: pbx.name.clone(),
            host: pbx.host.clone(),
            port: pbx.port,
            tls,
            username: pbx.username.clone(),
            secret,
            managed: pbx.managed,
            calls,
        };
        Box::new(AmiLink { actor: Some(pbx::spawn(config, reports)) })
    }
}

/// The actor ends with it. None where the link cannot even be tried.
#[derive(Debug)]
struct AmiLink {
    actor: Option<PbxHandle>,
}

impl Link for AmiLink {
    fn send(&self, command: PbxCommand) {
        if !self.actor.as_ref().is_some_and(|actor| actor.send(command)) {
            tracing::debug!("no actor for this PBX");
        }
    }
}

/// The system's authorities and the PBX's own.
fn trust(pbx: &PbxRow) -> Result<ami::Tls, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in CertificateDer::pem_slice_iter(pbx.sip.tls_ca_pem.as_bytes()) {
        roots.add(certificate.map_err(|error| rustls::Error::General(error.to_string()))?)?;
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(ami::Tls { config: Arc::new(config), server_name: None })
}
