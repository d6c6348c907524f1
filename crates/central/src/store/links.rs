//! Further ways to a PBX's manager interface.

use central_api::Secret;
use serde::Deserialize;

use super::engine::{Transaction, query};
use super::seal::SealingKey;
use super::{LinkRow, PbxInput, PbxRow, Store, StoreError, is_this_machine};

/// A further way to a PBX's manager interface.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkInput {
    /// Host.
    pub host: String,
    /// Port.
    #[serde(default = "super::apply::ami_port")]
    pub port: u16,
    /// Manager user.
    pub username: String,
    /// Its secret; kept when absent.
    pub secret: Option<Secret>,
    /// TLS; absent: unless the host is this machine.
    pub tls: Option<bool>,
}

impl Store {
    /// The secrets of all links of a PBX, the first one first.
    ///
    /// # Errors
    /// When the key file is not the one they were sealed with.
    pub fn link_secrets(&self, pbx: &PbxRow) -> Result<Vec<Secret>, StoreError> {
        let mut secrets = vec![self.unseal(&PbxRow::purpose(&pbx.name), &pbx.secret)?];
        for LinkRow { host, port, username, secret, .. } in &pbx.links {
            secrets.push(self.unseal(&LinkRow::purpose(&pbx.name, host, *port, username), secret)?);
        }
        Ok(secrets)
    }
}

/// Takes over what is said of further links; a file that does not speak of them leaves them as they are.
pub(super) async fn apply(tx: &mut Transaction, key: &SealingKey, pbx: &PbxInput) -> Result<(), StoreError> {
    let Some(links) = &pbx.links else { return Ok(()) };
    let most = ami::doubles::MAX_CONNECTIONS;
    if links.len() >= most {
        return Err(StoreError::Input(format!("the PBX {} has more than {most} links; leave some out", pbx.name)));
    }
    let id: i64 = query("SELECT id FROM pbxs WHERE name = $1").bind(&pbx.name).fetch_scalar(&mut *tx).await?;
    let mut rows = Vec::new();
    for link in links {
        let LinkInput { host, port, username, .. } = link;
        let known: Option<Vec<u8>> = query(
            "SELECT secret FROM pbx_links WHERE pbx_id = $1 AND host = $2 AND port = $3 AND username = $4 LIMIT 1",
        )
        .bind(id)
        .bind(host)
        .bind(i64::from(*port))
        .bind(username)
        .fetch_scalar_optional(&mut *tx)
        .await?;
        let secret = match (&link.secret, known) {
            (Some(secret), _) => key.seal(&LinkRow::purpose(&pbx.name, host, *port, username), secret)?,
            (None, Some(known)) => known,
            (None, None) => {
                return Err(StoreError::Input(format!(
                    "the new link of the PBX {} to {host}:{port} has no `secret` (the AMI secret of {username}); add it",
                    pbx.name
                )));
            }
        };
        rows.push((link, secret));
    }
    query("DELETE FROM pbx_links WHERE pbx_id = $1").bind(id).execute(&mut *tx).await?;
    for (place, (link, secret)) in (1_i64..).zip(rows) {
        query(
            "INSERT INTO pbx_links (pbx_id, place, host, port, tls, username, secret) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(id)
        .bind(place)
        .bind(&link.host)
        .bind(i64::from(link.port))
        .bind(i64::from(link.tls.unwrap_or_else(|| !is_this_machine(&link.host))))
        .bind(&link.username)
        .bind(secret)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
