//! A connection that says nothing is closed. hyper's own limit for headers begins to run only when it knows which version
//! of HTTP the client speaks, so up to there the time is kept here.

use axum_server::accept::Accept;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The preface of HTTP/2, by which it is told from HTTP/1 (RFC 9113, 3.4), is so long.
const ENOUGH: usize = 24;

/// Accepts as `inner` does; what is accepted must say its first bytes in time.
#[derive(Debug, Clone)]
pub(crate) struct FirstBytes<A> {
    pub(crate) inner: A,
    pub(crate) within: Duration,
}

impl<I, S, A> Accept<I, S> for FirstBytes<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
{
    type Stream = Timed<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (accepting, within) = (self.inner.accept(stream, service), self.within);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            let deadline = Box::pin(sleep_until(Instant::now() + within));
            Ok((Timed { stream, waits: Some((deadline, 0)) }, service))
        })
    }
}

/// A connection whose first bytes are waited for.
#[derive(Debug)]
pub(crate) struct Timed<S> {
    stream: S,
    /// Until when, and how much has come.
    waits: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            let came = buffer.filled().len() - before;
            if let Some((_, so_far)) = &mut this.waits {
                *so_far += came;
                if *so_far >= ENOUGH {
                    this.waits = None;
                }
            }
            return Poll::Ready(read);
        }
        match &mut this.waits {
            Some((deadline, _)) => {
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            None => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
