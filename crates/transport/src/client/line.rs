//! One HTTP/2 connection to a destination: opened when it is needed, watched while it is used, replaced when it is gone.

use super::addresses::Address;
use super::body::Outgoing;
use super::dial::{Connected, Dialer, Surroundings};
use super::meter::{Frames, Metered};
use super::{CallError, Keepalive};
use crate::tls::Alpn;
use forebay_core::Time;
use futures_util::future::{Either, select};
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The largest DATA frame that we take: what SETTINGS_MAX_FRAME_SIZE says (RFC 9113, 6.5.2).
const FRAME_MAX: u32 = 1 << 20;
/// The receive windows. Answers are small.
const WINDOW: u32 = 64 << 10;
/// The longest header or trailer block that is taken.
const HEADERS_MAX: u32 = 32 << 10;
/// The largest message that h2 is told it may hold unsent. A message is handed over whole, so that is only a hint.
const SEND_BUFFER: usize = 4 << 20;
/// How much overhead of small DATA frames may wait unread before h2 takes it for an attack and ends the connection: each answer
/// is one frame of a few bytes, counted as 256, and as many may come at once as requests are under way.
const SMALL_FRAMES: usize = 256 * 16_384;
/// How often the time between pings is doubled at most after servers have complained of them.
const CALMEST: u32 = 6;
/// The longest time between two looks at a connection.
const STEP: Duration = Duration::from_secs(5);

/// What all connections to one destination share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) dialer: Arc<Dialer>,
    pub(super) surroundings: Surroundings,
    pub(super) keepalive: Keepalive,
    /// Which versions of HTTP a new connection may speak.
    pub(super) offer: Alpn,
    /// How often the time between pings was doubled because a server complained (gRPC proposal A8).
    pub(super) calm: AtomicU32,
}

/// One place for a connection.
#[derive(Debug, Default)]
pub(super) struct Line {
    current: Mutex<Option<Seat>>,
    /// Held by the one caller that connects.
    turn: tokio::sync::Mutex<()>,
}

/// A live connection, for one request.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) sender: SendRequest<Outgoing>,
    pub(super) pulse: Arc<Pulse>,
}

/// Why there is no HTTP/2 connection.
pub(super) enum NoSeat {
    /// It failed.
    Failed(CallError),
    /// The server has chosen HTTP/1.1 for this connection, or wants it for the next one.
    Older(Option<Connected>),
}

/// What is known of a connection's life.
#[derive(Debug)]
pub(super) struct Pulse {
    address: Address,
    begun: AtomicU64,
    ended: AtomicU64,
    answers: AtomicU64,
    /// How often something came from the peer.
    heard: AtomicU64,
    gone: AtomicBool,
}

impl Pulse {
    pub(super) fn new(address: Address) -> Self {
        Pulse {
            address,
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            answers: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        }
    }

    /// Counts a request as under way until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Underway {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Underway(Arc::clone(self))
    }

    /// How many requests there have been.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Something has come. Only the task that reads says so.
    pub(super) fn hear(&self) {
        let heard = self.heard.load(Ordering::Relaxed);
        self.heard.store(heard.wrapping_add(1), Ordering::Relaxed);
    }

    /// The connection takes no further request.
    pub(super) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }
}

/// A request under way on a connection.
#[derive(Debug)]
pub(super) struct Underway(Arc<Pulse>);

impl Underway {
    pub(super) fn pulse(&self) -> &Pulse {
        &self.0
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Line {
    /// The connection, opened if there is none. One caller opens it; the others wait and share what comes of it.
    pub(super) async fn seat(&self, common: &Arc<Common>, in_use: &[Address]) -> Result<Seat, NoSeat> {
        let _turn = self.turn.lock().await;
        if let Some(seat) = self.live() {
            return Ok(seat);
        }
        let seat = common.open(in_use).await?;
        *self.current() = Some(seat.clone());
        Ok(seat)
    }

    /// The connection, if there is one.
    pub(super) fn live(&self) -> Option<Seat> {
        self.current()
            .as_ref()
            .filter(|seat| !seat.pulse.is_gone())
            .cloned()
    }

    /// Where the connection goes to, if there is one.
    pub(super) fn address(&self) -> Option<Address> {
        self.current()
            .as_ref()
            .filter(|seat| !seat.pulse.is_gone())
            .map(|seat| seat.pulse.address.clone())
    }

    /// Lets the connection go once the requests on it have ended.
    pub(super) fn close(&self) {
        self.current().take();
    }

    fn current(&self) -> MutexGuard<'_, Option<Seat>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Common {
    /// Notes that the destination has answered a request.
    pub(super) fn answered(&self, pulse: &Pulse) {
        if pulse.answers.fetch_add(1, Ordering::Relaxed) == 0 {
            self.dialer.addresses().answered(&pulse.address);
        }
    }

    async fn open(self: &Arc<Self>, in_use: &[Address]) -> Result<Seat, NoSeat> {
        let connected = self.dialer.dial(in_use, self.offer).await;
        let connected = connected.map_err(NoSeat::Failed)?;
        if !connected.http2 {
            return Err(NoSeat::Older(Some(connected)));
        }
        let pulse = Arc::new(Pulse::new(connected.address));
        let meter = Frames::new(self.surroundings.clock.clone(), Arc::clone(&pulse));
        let (sender, mut connection) = h2::client::Builder::new()
            .max_frame_size(FRAME_MAX)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(HEADERS_MAX)
            .max_send_buffer_size(SEND_BUFFER)
            .data_frame_budget(SMALL_FRAMES)
            .enable_push(false)
            .handshake::<_, Outgoing>(Metered::new(connected.io, meter))
            .await
            .map_err(|error| {
                NoSeat::Failed(self.failed(&pulse, &super::words("HTTP/2 handshake", &error)))
            })?;
        let ping = connection.ping_pong();
        let keeper = Keeper {
            pulse: Arc::clone(&pulse),
            common: Arc::clone(self),
        };
        self.surroundings
            .tasks
            .spawn("http2_connection", keeper.keep(connection, ping));
        Ok(Seat { sender, pulse })
    }

    fn failed(&self, pulse: &Pulse, why: &str) -> CallError {
        self.dialer.addresses().failed(&pulse.address, why)
    }
}

/// Runs a connection to its end.
struct Keeper {
    pulse: Arc<Pulse>,
    common: Arc<Common>,
}

impl Keeper {
    async fn keep(self, connection: Connection<Metered<Frames>, Outgoing>, ping: Option<PingPong>) {
        // Also when the task is aborted: nobody may take this connection for a live one.
        let left = Leave(Arc::clone(&self.pulse));
        let shutdown = &self.common.surroundings.shutdown;
        let why = tokio::select! {
            outcome = connection => outcome.err().map(|error| self.broken(&error)),
            () = self.silence(ping) => Some("the peer does not answer pings".to_owned()),
            () = shutdown.stopped() => None,
        };
        drop(left);
        let addresses = self.common.dialer.addresses();
        addresses.ended();
        // A peer that takes connections and closes them unanswered is as good as one that refuses them.
        if let Some(why) = why {
            tracing::debug!(reason = %why, "connection lost");
            if self.pulse.answers.load(Ordering::Relaxed) == 0 {
                self.common.failed(&self.pulse, &why);
            }
        }
    }

    fn broken(&self, error: &h2::Error) -> String {
        let complains = error.is_go_away() && error.is_remote();
        if complains && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM) {
            self.common.calm.fetch_add(1, Ordering::Relaxed);
        }
        super::words("the connection broke", error)
    }

    /// Ready when requests have waited for the time of [`Keepalive`], nothing came meanwhile, and a ping is not answered
    /// either. Without requests there are no pings: servers punish clients that ping without need.
    async fn silence(&self, ping: Option<PingPong>) {
        let Keepalive { time, timeout } = self.common.keepalive;
        let clock = &self.common.surroundings.clock;
        let mut ping = ping.filter(|_| !time.is_zero());
        let mut quiet = Quiet::default();
        loop {
            let doubled = self.common.calm.load(Ordering::Relaxed).min(CALMEST);
            let time = time.saturating_mul(1 << doubled);
            let step = if time.is_zero() { STEP } else { STEP.min(time / 4) };
            clock.sleep(step).await;
            self.common.dialer.refresh();
            let lasts = quiet.lasts(&self.pulse, clock.now());
            // One step early: what began right after the last look is found within `time` as well.
            let Some(ping) = ping.as_mut().filter(|_| lasts + step >= time) else {
                continue;
            };
            let pong = pin!(ping.ping(Ping::opaque()));
            match select(pong, clock.sleep(timeout)).await {
                Either::Left((Ok(_), _)) => {}
                Either::Left((Err(_), _)) | Either::Right(_) => return,
            }
        }
    }
}

/// Since when nothing has come although something was asked.
#[derive(Default)]
struct Quiet {
    heard: u64,
    begun: u64,
    since: Option<Time>,
}

impl Quiet {
    fn lasts(&mut self, pulse: &Pulse, now: Time) -> Duration {
        let heard = pulse.heard.load(Ordering::Relaxed);
        if heard != self.heard {
            (self.heard, self.begun, self.since) = (heard, pulse.ended.load(Ordering::Relaxed), None);
        }
        // Requests that were given up unanswered count: that is how a connection looks that leads nowhere.
        if pulse.begun() == self.begun {
            self.since = None;
        }
        now.since(*self.since.get_or_insert(now))
    }
}

struct Leave(Arc<Pulse>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leave();
    }
}
