//! TCP, with TLS where it is asked for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::{AmiError, ConnectOptions};

/// The connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(crate) async fn connect(options: &ConnectOptions) -> Result<Self, AmiError> {
        let address = options.address();
        let tcp = TcpStream::connect((options.host.as_str(), options.port))
            .await
            .map_err(|error| AmiError::Unreachable { address: address.clone(), why: error.to_string() })?;
        // An action is a few small writes in a row; Nagle would hold the second back for 40 ms.
        tcp.set_nodelay(true)
            .map_err(|error| AmiError::Unreachable { address: address.clone(), why: error.to_string() })?;
        let Some(tls) = &options.tls else { return Ok(Self::Plain(tcp)) };
        let failed = |why: String| AmiError::Tls { address: address.clone(), why };
        let name = tls.server_name.clone().unwrap_or_else(|| options.host.clone());
        let name = ServerName::try_from(name).map_err(|error| failed(error.to_string()))?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&tls.config));
        let stream = connector.connect(name, tcp).await.map_err(|error| failed(error.to_string()))?;
        Ok(Self::Tls(Box::new(stream)))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
