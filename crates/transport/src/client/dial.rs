//! Connecting: address lookup, the time limit, and the pause after a failure.

use super::CallError;
use super::endpoint::Target;
use super::network::{BoxStream, Network, SystemNetwork};
use forebay_core::component::NodeContext;
use forebay_core::{Clock, Ledger, Shutdown, Tasks, Time};
use futures_util::future::{Either, select};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The bound of the first pause after a failed connect.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How much the bound grows with each further failure.
const PAUSE_GROWTH: f64 = 1.6;
/// Where the bound stops growing.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a client needs of the process: the clock, tasks, word of the shutdown, and the network.
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
    /// Names and connections.
    pub network: Arc<dyn Network>,
}

impl From<&NodeContext> for Surroundings {
    /// The node's own, with the machine's network.
    fn from(context: &NodeContext) -> Self {
        Surroundings::on(context, Arc::new(SystemNetwork))
    }
}

impl Surroundings {
    /// The node's own, with another network than the machine's.
    pub fn on(context: &NodeContext, network: Arc<dyn Network>) -> Self {
        Surroundings {
            network,
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
    network: Arc<dyn Network>,
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
    pub(super) fn new(target: Target, timeout: Duration, surroundings: &Surroundings) -> Self {
        let clock = surroundings.clock.clone();
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
            network: Arc::clone(&surroundings.network),
            pause: Mutex::new(pause),
        }
    }

    /// A new connection. During the pause that follows a failure the answer is that failure, at once: many requests to a
    /// destination that is down make one attempt to connect, not many.
    pub(super) async fn dial(&self) -> Result<BoxStream, CallError> {
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

    async fn connect(&self) -> io::Result<BoxStream> {
        match &self.target {
            Target::Tcp { host, port } => self.connect_tcp(host, *port).await,
            Target::Unix(path) => {
                let connecting = pin!(self.network.connect_unix(path));
                self.limited(self.timeout, connecting).await
            }
        }
    }

    /// Tries each address of the host, beginning at a random one: the fleet spreads over what the name stands for.
    async fn connect_tcp(&self, host: &str, port: u16) -> io::Result<BoxStream> {
        let looking = pin!(self.network.resolve(host, port));
        let mut addresses: Vec<SocketAddr> = self.limited(self.timeout, looking).await?;
        let first = self.pause().random.usize(0..addresses.len().max(1));
        addresses.rotate_left(first);
        let share = self.timeout / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            let connecting = pin!(self.network.connect(address));
            match self.limited(share, connecting).await {
                Ok(stream) => return Ok(stream),
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
