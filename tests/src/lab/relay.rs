//! A wire that can be cut.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Between a program and a port. While it is cut, connections that stood are reset, with all that was on its way, and new ones are
/// too.
#[derive(Debug)]
pub struct Relay {
    at: SocketAddr,
    whole: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Takes connections to `far` on a free port of 127.0.0.1.
    pub async fn to(far: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let at = listener.local_addr()?;
        let (whole, seen) = watch::channel(true);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, far, seen.clone()));
            }
        });
        Ok(Self { at, whole, task })
    }

    /// Where to connect to.
    pub fn at(&self) -> SocketAddr {
        self.at
    }

    /// Cuts it.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Joins it again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn carry(mut near: TcpStream, far: SocketAddr, mut whole: watch::Receiver<bool>) {
    let carrying = async {
        let mut far = TcpStream::connect(far).await?;
        tokio::io::copy_bidirectional(&mut near, &mut far).await
    };
    let cut = tokio::select! {
        _ = carrying => false,
        _ = whole.wait_for(|whole| !whole) => true,
    };
    if cut {
        // A connection that is already gone cannot be reset.
        let _ = near.set_zero_linger();
    }
}
