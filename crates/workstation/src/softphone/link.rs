//! One connection to a softphone.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use interprocess::local_socket::GenericFilePath;
use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::tokio::prelude::*;
use softphone_api::attach::AttachFile;
use softphone_api::{FromSoftphone, PROTOCOL, ProtocolVersion, Snapshot, ToSoftphone, frame};
use std::time::Duration;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// The greeting takes no longer.
const GREETING: Duration = Duration::from_secs(3);

/// A greeted connection.
pub(crate) struct Link {
    framed: Framed<Stream, LengthDelimitedCodec>,
    pub(crate) protocol: ProtocolVersion,
    pub(crate) pid: u32,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("pid", &self.pid).finish_non_exhaustive()
    }
}

/// Why a connection did not come about or ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("the softphone's socket: {0}")]
    Io(#[from] std::io::Error),
    #[error("the softphone says what cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the softphone refused: {0}")]
    Refused(String),
    #[error("the softphone did not answer the greeting in time")]
    Silent,
    #[error("the softphone closed the connection")]
    Closed,
}

impl Link {
    /// Connects and greets; the snapshot is the softphone's whole state at this moment.
    pub(crate) async fn attach(file: &AttachFile, session: &str) -> Result<(Self, Snapshot), LinkError> {
        tokio::time::timeout(GREETING, Self::greet(file, session)).await.map_err(|_| LinkError::Silent)?
    }

    async fn greet(file: &AttachFile, session: &str) -> Result<(Self, Snapshot), LinkError> {
        let name = file.socket.as_str().to_fs_name::<GenericFilePath>()?;
        let stream = Stream::connect(name).await?;
        let mut link = Self { framed: Framed::new(stream, frame::codec()), protocol: file.protocol, pid: file.pid };
        let hello = ToSoftphone::Hello {
            protocol: PROTOCOL,
            token: file.token.clone(),
            session: session.to_owned(),
            client: concat!("workstation ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        link.send(&hello).await?;
        loop {
            match link.next().await? {
                FromSoftphone::Welcome { protocol, pid, snapshot, .. } => {
                    link.protocol = protocol;
                    link.pid = pid;
                    return Ok((link, *snapshot));
                }
                FromSoftphone::Refused { code, message } => {
                    return Err(LinkError::Refused(format!("{code:?}: {message}")));
                }
                _ => {}
            }
        }
    }

    /// Says something.
    pub(crate) async fn send(&mut self, message: &ToSoftphone) -> Result<(), LinkError> {
        let bytes = serde_json::to_vec(message)?;
        Ok(self.framed.send(Bytes::from(bytes)).await?)
    }

    /// What it says next. Safe to be dropped while waiting.
    pub(crate) async fn next(&mut self) -> Result<FromSoftphone, LinkError> {
        match self.framed.next().await {
            None => Err(LinkError::Closed),
            Some(Err(error)) => Err(error.into()),
            Some(Ok(bytes)) => Ok(serde_json::from_slice(&bytes)?),
        }
    }
}
