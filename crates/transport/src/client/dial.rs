//! Connecting: address lookup, the time limit, and the pause after a failure.

use super::CallError;
use super::endpoint::Target;
use forebay_core::component::NodeContext;
use forebay_core::{Clock, Ledger, Shutdown, Tasks, Time};
use futures_util::future::{Either, select};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// The bound of the first pause after a failed connect.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How much the bound grows with each further failure.
const PAUSE_GROWTH: f64 = 1.6;
/// Where the bound stops growing.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long sent bytes may stay unacknowledged by the peer's kernel before ours gives the connection up.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// How long a connection is quiet before the kernel probes it.
const QUIET: Duration = Duration::from_secs(60);

/// What a client needs of the process: the clock, tasks, and word of the shutdown.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The clock for limits and pauses.
    pub clock: Clock,
    /// With which connection tasks are started.
    pub tasks: Tasks,
    /// At [`forebay_core::Phase::Stopped`] every connection is let go.
    pub shutdown: Shutdown,
    /// The budget that decompressed answers are leased from.
    pub ledger: Ledger,
}

impl From<&NodeContext> for Surroundings {
    fn from(context: &NodeContext) -> Self {
        Surroundings {
            clock: context.clock.clone(),
            tasks: context.tasks.clone(),
            shutdown: context.shutdown.clone(),
            ledger: context.ledger.clone(),
        }
    }
}

/// Connects to one target, and remembers how that went.
#[derive(Debug)]
pub(super) struct Dialer {
    target: Target,
    timeout: Duration,
    clock: Clock,
    pause: Mutex<Pause>,
}

#[derive(Debug)]
struct Pause {
    failures: i32,
    until: Time,
    why: Arc<str>,
    random: fastrand::Rng,
}

impl Dialer {
    pub(super) fn new(target: Target, timeout: Duration, clock: Clock) -> Self {
        let random = fastrand::Rng::with_seed(clock.unix_nanos());
        let pause = Pause {
            failures: 0,
            until: Time::default(),
            why: "".into(),
            random,
        };
        Dialer {
            target,
            timeout,
            clock,
            pause: Mutex::new(pause),
        }
    }

    /// A new connection. During the pause that follows a failure the answer is that failure, at once: many requests to a
    /// destination that is down make one attempt to connect, not many.
    pub(super) async fn dial(&self) -> Result<Socket, CallError> {
        self.permitted()?;
        self.connect()
            .await
            .map_err(|error| self.failed(&format!("cannot connect to {}: {error}", self.target)))
    }

    /// Whether no pause is running.
    fn permitted(&self) -> Result<(), CallError> {
        let pause = self.pause();
        match pause.until.since(self.clock.now()) {
            Duration::ZERO => Ok(()),
            left => Err(CallError::Unreachable {
                message: Arc::clone(&pause.why),
                after: Some(left),
            }),
        }
    }

    /// Begins a pause: the bound grows from failure to failure, and half of it is random, so that a fleet does not come
    /// back as one (OTLP specification, "All Response Codes": jitter).
    pub(super) fn failed(&self, why: &str) -> CallError {
        let mut pause = self.pause();
        let grown = FIRST_PAUSE.as_secs_f64() * PAUSE_GROWTH.powi(pause.failures);
        let bound = grown.min(LONGEST_PAUSE.as_secs_f64());
        let length = Duration::from_secs_f64(bound * (0.5 + 0.5 * pause.random.f64()));
        pause.failures = (pause.failures + 1).min(64);
        pause.until = self.clock.now().after(length);
        pause.why = why.into();
        CallError::Unreachable {
            message: Arc::clone(&pause.why),
            after: Some(length),
        }
    }

    /// The destination has answered: the next failure is again a first one.
    pub(super) fn answered(&self) {
        let mut pause = self.pause();
        pause.failures = 0;
        pause.until = Time::default();
    }

    fn pause(&self) -> MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> io::Result<Socket> {
        match &self.target {
            Target::Tcp { host, port } => self.connect_tcp(host, *port).await,
            Target::Unix(path) => {
                let connecting = pin!(UnixStream::connect(path));
                self.limited(self.timeout, connecting).await.map(Socket::Unix)
            }
        }
    }

    /// Tries each address of the host, beginning at a random one: the fleet spreads over what the name stands for.
    async fn connect_tcp(&self, host: &str, port: u16) -> io::Result<Socket> {
        let looking = pin!(tokio::net::lookup_host((host, port)));
        let mut addresses: Vec<SocketAddr> = self.limited(self.timeout, looking).await?.collect();
        let first = self.pause().random.usize(0..addresses.len().max(1));
        addresses.rotate_left(first);
        let share = self.timeout / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            let connecting = pin!(TcpStream::connect(address));
            match self.limited(share, connecting).await {
                Ok(stream) => return tuned(stream).map(Socket::Tcp),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn limited<T>(
        &self,
        limit: Duration,
        work: Pin<&mut impl Future<Output = io::Result<T>>>,
    ) -> io::Result<T> {
        match select(work, self.clock.sleep(limit)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no answer within {limit:?}"),
            )),
        }
    }
}

/// Sets what every TCP connection has: no delay, and limits after which the kernel notices that the peer is gone.
fn tuned(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(QUIET))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(stream)
}

/// A connected stream of either kind.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(context, into),
            Socket::Unix(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Socket::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Neither kind of stream buffers.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
