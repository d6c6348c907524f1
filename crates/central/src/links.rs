//! The edge to the PBXs: the only place where the desk can be given another PBX than a real one.

use ami::ConnectOptions;
use central_api::{PbxId, Secret};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};

use crate::collector::Handle;
use crate::pbx::contract::{PbxCommand, PbxReport};
use crate::pbx::{self, PbxConfig, PbxHandle, PbxHealth};
use crate::store::{LinkRow, PbxRow, is_this_machine};

/// Opens links.
pub trait Links: Send + Sync + std::fmt::Debug {
    /// Begins to work with a PBX; reports come until the link is dropped, and what happens there goes to `calls`. `secrets` are
    /// those of all its links, the first one first.
    fn open(
        &self,
        pbx: &PbxRow,
        secrets: Vec<Secret>,
        calls: Option<Handle>,
        reports: mpsc::Sender<PbxReport>,
    ) -> Box<dyn Link>;

    /// How well the open ones do.
    fn health(&self) -> BTreeMap<PbxId, PbxHealth> {
        BTreeMap::new()
    }
}

/// One PBX.
pub trait Link: Send + Sync + std::fmt::Debug {
    /// Hands a command over; it waits in the actor while the PBX is away.
    fn send(&self, command: PbxCommand);
}

/// Real PBXs, over the manager interface.
#[derive(Debug, Clone, Default)]
pub struct Ami {
    open: Arc<Mutex<BTreeMap<PbxId, watch::Receiver<PbxHealth>>>>,
}

impl Links for Ami {
    fn open(
        &self,
        pbx: &PbxRow,
        secrets: Vec<Secret>,
        calls: Option<Handle>,
        reports: mpsc::Sender<PbxReport>,
    ) -> Box<dyn Link> {
        let links = match options(pbx, &secrets) {
            Ok(links) => links,
            Err(error) => {
                tracing::error!(pbx = pbx.name, %error, "no link to this PBX: mend its certification authority and apply again");
                return Box::new(AmiLink { actor: None });
            }
        };
        for link in links.iter().filter(|link| link.tls.is_none() && !is_this_machine(&link.host)) {
            tracing::warn!(
                pbx = pbx.name,
                host = link.host,
                "the AMI secret travels in clear; set `tls = true` for this PBX"
            );
        }
        let config = PbxConfig { id: pbx.id, name: pbx.name.clone(), links, managed: pbx.managed, calls };
        let actor = pbx::spawn(config, reports);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(pbx.id, actor.health());
        Box::new(AmiLink { actor: Some(actor) })
    }

    fn health(&self) -> BTreeMap<PbxId, PbxHealth> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // One whose actor ended is no PBX of ours any more.
        open.retain(|_, health| health.has_changed().is_ok());
        open.iter().map(|(pbx, health)| (*pbx, health.borrow().clone())).collect()
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

/// How to connect to the manager interface of a PBX, by each of its links, whose secrets come in the same order.
///
/// # Errors
/// When the certification authority given for it cannot be read.
pub fn options(pbx: &PbxRow, secrets: &[Secret]) -> Result<Vec<ConnectOptions>, rustls::Error> {
    let any_tls = pbx.tls || pbx.links.iter().any(|link| link.tls);
    let trust = any_tls.then(|| trust(pbx)).transpose()?;
    let first = (&pbx.host, pbx.port, pbx.tls, &pbx.username);
    let further = pbx.links.iter().map(|LinkRow { host, port, tls, username, .. }| (host, *port, *tls, username));
    let links = std::iter::once(first).chain(further).zip(secrets);
    Ok(links
        .map(|((host, port, tls, username), secret)| {
            let secret = ami::Secret::new(secret.expose());
            let mut options = ConnectOptions::new(host, port, username, secret);
            options.tls = trust.clone().filter(|_| tls);
            options
        })
        .collect())
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
