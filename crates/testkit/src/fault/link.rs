//! Joins two streams under conditions that may change at any moment.

use super::{Conditions, Ending, Flow, Way};
use bytes::{Bytes, BytesMut};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// The most that is read at once.
const PIECE: usize = 16 << 10;
/// The most pieces on the way in one direction.
const PIECES: usize = 64;
/// Under a rate, a piece of a write takes no longer than this.
const BEAT: Duration = Duration::from_millis(20);

/// A stream that can be broken rather than closed.
pub trait Abort: AsyncRead + AsyncWrite + Unpin + Send {
    /// Makes the drop of the stream tell its peer that the connection is broken.
    fn abort(&self);
}

/// What all links of a path look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What holds now.
    pub conditions: Conditions,
    /// How often all links were told to break. A link breaks when this changes.
    pub breaks: u64,
    /// How often the peers of all links were told to vanish. When this changes, a link carries nothing any more, in no
    /// direction, and neither end hears of it; links that are made later are as good as ever.
    pub vanishings: u64,
}

/// How a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Both directions came to their end.
    Closed,
    /// It was broken, by one of its ends or by the conditions.
    Broken,
}

/// A direction of a path.
#[derive(Clone, Copy, Debug)]
enum Direction {
    Up,
    Down,
}

impl Direction {
    fn of(self, conditions: &Conditions) -> Way {
        match self {
            Direction::Up => conditions.up,
            Direction::Down => conditions.down,
        }
    }
}

/// What ends a direction before its time.
enum Stop {
    Cut(Ending),
    Broken,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Stop::Broken
    }
}

/// Carries bytes between `near` (who connected) and `far` (who listens) until both directions have ended or something
/// breaks. `seed` decides the jitter.
pub async fn link(near: impl Abort, far: impl Abort, state: watch::Receiver<State>, seed: u64) -> Fate {
    let (mut near, mut far) = (split(near), split(far));
    let stop = {
        let up = carry((&mut near.0, &mut far.1), Direction::Up, state.clone(), seed);
        let down = carry((&mut far.0, &mut near.1), Direction::Down, state.clone(), !seed);
        let carried = async {
            tokio::select! {
                biased;
                () = told_to_vanish(state.clone()) => std::future::pending().await,
                ended = async { tokio::try_join!(up, down) } => ended.err(),
            }
        };
        tokio::select! {
            biased;
            () = told_to_break(state.clone()) => Some(Stop::Broken),
            stop = carried => stop,
        }
    };
    match stop {
        None => Fate::Closed,
        Some(Stop::Cut(Ending::Close)) => {
            // A peer that is gone already needs no word of the end.
            let _ = tokio::join!(near.1.shutdown(), far.1.shutdown());
            Fate::Closed
        }
        Some(Stop::Cut(Ending::Reset) | Stop::Broken) => {
            near.0.unsplit(near.1).abort();
            far.0.unsplit(far.1).abort();
            Fate::Broken
        }
    }
}

async fn told_to_break(mut state: watch::Receiver<State>) {
    let before = state.borrow().breaks;
    // The end of the path breaks its links too.
    let _ = state.wait_for(|state| state.breaks != before).await;
}

async fn told_to_vanish(mut state: watch::Receiver<State>) {
    let before = state.borrow().vanishings;
    // The end of the path breaks its links, which ends this too.
    let _ = state.wait_for(|state| state.vanishings != before).await;
}

type Ends<'s, A, B> = (&'s mut ReadHalf<A>, &'s mut WriteHalf<B>);

/// One direction: a reader that stamps each piece with the moment of its arrival, and a writer that waits for it.
async fn carry<A: AsyncRead, B: AsyncWrite>(
    (from, to): Ends<'_, A, B>,
    direction: Direction,
    state: watch::Receiver<State>,
    seed: u64,
) -> Result<(), Stop> {
    let (pieces, arriving) = mpsc::channel(PIECES);
    let reader = Reader {
        direction,
        state: state.clone(),
        random: fastrand::Rng::with_seed(seed),
        pieces,
        last: Instant::now(),
        passed: 0,
    };
    let writer = Writer { direction, state };
    tokio::try_join!(reader.run(from), writer.run(to, arriving)).map(|_| ())
}

/// Bytes, and when they arrive.
enum Piece {
    Bytes(Instant, Bytes),
    /// Nothing after this arrives.
    Cut(Ending),
}

struct Reader {
    direction: Direction,
    state: watch::Receiver<State>,
    random: fastrand::Rng,
    pieces: mpsc::Sender<Piece>,
    last: Instant,
    passed: u64,
}

impl Reader {
    async fn run(mut self, from: &mut (impl AsyncRead + Unpin)) -> Result<(), Stop> {
        let mut buffer = BytesMut::new();
        let mut lost = false;
        loop {
            let way = self.way();
            match way.flow {
                Flow::Pass if lost => return Err(Stop::Broken),
                Flow::Close => return Ok(()),
                Flow::Stall => {
                    self.changed().await?;
                    continue;
                }
                Flow::Pass | Flow::Swallow => {}
            }
            buffer.reserve(PIECE);
            let read = tokio::select! {
                biased;
                changed = self.state.changed() => changed.map_err(|_| Stop::Broken).map(|()| None)?,
                read = from.read_buf(&mut buffer) => Some(read?),
            };
            match read {
                None => {}
                Some(0) => return Ok(()),
                Some(_) if way.flow == Flow::Swallow => {
                    lost = true;
                    buffer.clear();
                }
                Some(_) => self.hand_over(buffer.split().freeze(), way).await?,
            }
        }
    }

    /// Sends a piece on its way, or as much of it as the cut lets pass.
    async fn hand_over(&mut self, mut bytes: Bytes, way: Way) -> Result<(), Stop> {
        let jitter = way.jitter.mul_f64(self.random.f64());
        self.last = self.last.max(Instant::now() + way.latency + jitter);
        let cut = way
            .cut
            .filter(|cut| self.passed + bytes.len() as u64 >= cut.after);
        if let Some(cut) = cut {
            let left = usize::try_from(cut.after.saturating_sub(self.passed)).unwrap_or(usize::MAX);
            bytes.truncate(left);
        }
        self.passed += bytes.len() as u64;
        self.pieces
            .send(Piece::Bytes(self.last, bytes))
            .await
            .map_err(|_| Stop::Broken)?;
        if let Some(cut) = cut {
            self.pieces
                .send(Piece::Cut(cut.ending))
                .await
                .map_err(|_| Stop::Broken)?;
            // The writer ends the connection.
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    fn way(&mut self) -> Way {
        self.direction.of(&self.state.borrow_and_update().conditions)
    }

    async fn changed(&mut self) -> Result<(), Stop> {
        self.state.changed().await.map_err(|_| Stop::Broken)
    }
}

struct Writer {
    direction: Direction,
    state: watch::Receiver<State>,
}

impl Writer {
    async fn run(
        mut self,
        to: &mut (impl AsyncWrite + Unpin),
        mut arriving: mpsc::Receiver<Piece>,
    ) -> Result<(), Stop> {
        while let Some(piece) = arriving.recv().await {
            match piece {
                Piece::Cut(ending) => return Err(Stop::Cut(ending)),
                Piece::Bytes(due, bytes) => {
                    tokio::time::sleep_until(due).await;
                    self.write(to, bytes).await?;
                }
            }
        }
        to.shutdown().await?;
        Ok(())
    }

    /// Writes a piece as the conditions are at each moment.
    async fn write(&mut self, to: &mut (impl AsyncWrite + Unpin), mut bytes: Bytes) -> Result<(), Stop> {
        while !bytes.is_empty() {
            let way = self.moving().await?;
            if way.flow == Flow::Swallow {
                // The reader breaks the connection when bytes pass again: it waits for that from the next piece on.
                return self.lose().await;
            }
            let slice = way.slice.map_or(bytes.len(), |slice| slice.get());
            let mut piece = bytes.split_to(slice.min(in_a_beat(&way)).min(bytes.len()));
            if let Some(rate) = way.rate {
                let seconds = piece.len() as f64 / rate.get() as f64;
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            }
            to.write_all_buf(&mut piece).await?;
            to.flush().await?;
            if way.slice.is_some() {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// The conditions, once they let something happen.
    async fn moving(&mut self) -> Result<Way, Stop> {
        let direction = self.direction;
        let state = self
            .state
            .wait_for(|state| direction.of(&state.conditions).flow != Flow::Stall)
            .await;
        state
            .map(|state| direction.of(&state.conditions))
            .map_err(|_| Stop::Broken)
    }

    /// A piece was lost: nothing after it may arrive.
    async fn lose(&mut self) -> Result<(), Stop> {
        let direction = self.direction;
        // Either way the connection is over: the path is healed, or it is gone.
        let _ = self
            .state
            .wait_for(|state| direction.of(&state.conditions).flow != Flow::Swallow)
            .await;
        Err(Stop::Broken)
    }
}

/// How much a rate lets pass in one beat.
fn in_a_beat(way: &Way) -> usize {
    way.rate.map_or(usize::MAX, |rate| {
        let bytes = rate.get() as f64 * BEAT.as_secs_f64();
        (bytes as usize).max(1)
    })
}
