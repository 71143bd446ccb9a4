//! One HTTP/2 connection to a destination: opened when it is needed, watched while it is used, replaced when it is gone.

use super::CallError;
use super::body::Outgoing;
use super::dial::{Dialer, Surroundings};
use super::network::BoxStream;
use forebay_core::Clock;
use futures_util::future::{Either, select};
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
/// How long requests may be without an answer before the connection is tested with a ping.
const PING_AFTER: Duration = Duration::from_secs(30);
/// How long the answer to a ping may take.
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// One place for a connection.
#[derive(Debug)]
pub(super) struct Line {
    dialer: Arc<Dialer>,
    surroundings: Surroundings,
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

/// What is known of a connection's life.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    begun: AtomicU64,
    ended: AtomicU64,
    answers: AtomicU64,
    gone: AtomicBool,
}

impl Pulse {
    /// Counts a request as under way until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Underway {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Underway(Arc::clone(self))
    }

    /// The connection takes no further request.
    pub(super) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
    }

    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    fn counts(&self) -> Counts {
        Counts {
            begun: self.begun.load(Ordering::Relaxed),
            ended: self.ended.load(Ordering::Relaxed),
            answers: self.answers.load(Ordering::Relaxed),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    begun: u64,
    ended: u64,
    answers: u64,
}

/// A request under way on a connection.
#[derive(Debug)]
pub(super) struct Underway(Arc<Pulse>);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl Line {
    pub(super) fn new(dialer: Dialer, surroundings: Surroundings) -> Self {
        Line {
            dialer: Arc::new(dialer),
            surroundings,
            current: Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// The connection, opened if there is none. One caller opens it; the others wait and share what comes of it.
    pub(super) async fn seat(&self) -> Result<Seat, CallError> {
        if let Some(seat) = self.live() {
            return Ok(seat);
        }
        let _turn = self.turn.lock().await;
        if let Some(seat) = self.live() {
            return Ok(seat);
        }
        let seat = self.open().await?;
        *self.current() = Some(seat.clone());
        Ok(seat)
    }

    /// Notes that the destination has answered a request.
    pub(super) fn answered(&self, pulse: &Pulse) {
        if pulse.answers.fetch_add(1, Ordering::Relaxed) == 0 {
            self.dialer.answered();
        }
    }

    /// Lets the connection go once the requests on it have ended.
    pub(super) fn close(&self) {
        self.current().take();
    }

    fn live(&self) -> Option<Seat> {
        self.current()
            .as_ref()
            .filter(|seat| !seat.pulse.is_gone())
            .cloned()
    }

    fn current(&self) -> MutexGuard<'_, Option<Seat>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self) -> Result<Seat, CallError> {
        let socket = self.dialer.dial().await?;
        let (sender, mut connection) = h2::client::Builder::new()
            .max_frame_size(FRAME_MAX)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(HEADERS_MAX)
            .max_send_buffer_size(SEND_BUFFER)
            .data_frame_budget(SMALL_FRAMES)
            .enable_push(false)
            .handshake::<_, Outgoing>(socket)
            .await
            .map_err(|error| self.dialer.failed(&super::words("HTTP/2 handshake", &error)))?;
        let pulse = Arc::new(Pulse::default());
        let ping = connection.ping_pong();
        let keeper = Keeper {
            pulse: Arc::clone(&pulse),
            dialer: Arc::clone(&self.dialer),
            surroundings: self.surroundings.clone(),
        };
        self.surroundings
            .tasks
            .spawn("grpc_connection", keeper.keep(connection, ping));
        Ok(Seat { sender, pulse })
    }
}

/// Runs a connection to its end.
struct Keeper {
    pulse: Arc<Pulse>,
    dialer: Arc<Dialer>,
    surroundings: Surroundings,
}

impl Keeper {
    async fn keep(self, connection: Connection<BoxStream, Outgoing>, ping: Option<PingPong>) {
        // Also when the task is aborted: nobody may take this connection for a live one.
        let pulse = Leave(Arc::clone(&self.pulse));
        let (clock, shutdown) = (&self.surroundings.clock, &self.surroundings.shutdown);
        let why = tokio::select! {
            outcome = connection => outcome.err().map(|error| super::words("the connection broke", &error)),
            () = silence(&pulse.0, ping, clock) => Some("the peer does not answer pings".to_owned()),
            () = shutdown.stopped() => None,
        };
        drop(pulse);
        // A peer that takes connections and closes them unanswered is as good as one that refuses them.
        if let Some(why) = why {
            tracing::debug!(reason = %why, "connection lost");
            if self.pulse.counts().answers == 0 {
                self.dialer.failed(&why);
            }
        }
    }
}

struct Leave(Arc<Pulse>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Ready when requests have waited for [`PING_AFTER`], none was answered meanwhile, and a ping is not answered either.
/// Without requests there are no pings: servers punish clients that ping without need.
async fn silence(pulse: &Pulse, ping: Option<PingPong>, clock: &Clock) {
    let Some(mut ping) = ping else {
        return std::future::pending().await;
    };
    let mut before = pulse.counts();
    loop {
        clock.sleep(PING_AFTER).await;
        let now = pulse.counts();
        let waiting = now.begun != now.ended || now.begun != before.begun;
        if waiting && now.answers == before.answers {
            let pong = pin!(ping.ping(Ping::opaque()));
            match select(pong, clock.sleep(PONG_WITHIN)).await {
                Either::Left((Ok(_), _)) => {}
                Either::Left((Err(_), _)) | Either::Right(_) => return,
            }
        }
        before = now;
    }
}
