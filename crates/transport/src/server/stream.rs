//! A socket that is listened on, at the runtime, and the streams that come in by it.

use super::socket::{Bound, SocketFile};
use crate::tls::server::TlsStream;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A socket that connections are accepted from.
#[derive(Debug)]
pub(super) enum Door {
    Tcp(TcpListener),
    /// With its file, which goes when the door does.
    Unix {
        socket: UnixListener,
        _file: SocketFile,
    },
}

/// What was accepted.
pub(super) type Stream = Either<TcpStream, UnixStream>;

/// What a connection is spoken on: the stream itself, or TLS over it.
pub(super) type Carrier<IO> = Either<IO, Box<TlsStream<IO>>>;

/// A stream of one of two kinds. It is one type, so that all that is built upon it is compiled once.
#[derive(Debug)]
pub(super) enum Either<A, B> {
    One(A),
    Other(B),
}

impl Door {
    /// Gives the socket to the runtime that this is called on.
    pub(super) fn open(bound: Bound) -> io::Result<Door> {
        Ok(match bound {
            Bound::Tcp(socket) => Door::Tcp(TcpListener::from_std(socket)?),
            Bound::Unix(socket, file) => Door::Unix {
                socket: UnixListener::from_std(socket)?,
                _file: file,
            },
        })
    }

    /// The next connection, and its peer's address where it has one.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Door::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                if let Err(error) = stream.set_nodelay(true) {
                    // The peer may be gone already; then reading will say so.
                    tracing::debug!(%error, "cannot set TCP_NODELAY");
                }
                Ok((Either::One(stream), Some(peer)))
            }
            Door::Unix { socket, .. } => {
                let (stream, _) = socket.accept().await?;
                Ok((Either::Other(stream), None))
            }
        }
    }
}

impl<A: AsRawFd, B: AsRawFd> AsRawFd for Either<A, B> {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Either::One(stream) => stream.as_raw_fd(),
            Either::Other(stream) => stream.as_raw_fd(),
        }
    }
}

/// What both kinds can do.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<IO: AsyncRead + AsyncWrite + Unpin> Duplex for IO {}

impl<A: Duplex, B: Duplex> Either<A, B> {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut (dyn Duplex + '_)> {
        Pin::new(match self.get_mut() {
            Either::One(stream) => stream,
            Either::Other(stream) => stream,
        })
    }
}

impl<A: Duplex, B: Duplex> AsyncRead for Either<A, B> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl<A: Duplex, B: Duplex> AsyncWrite for Either<A, B> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Either::One(stream) => stream.is_write_vectored(),
            Either::Other(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}
