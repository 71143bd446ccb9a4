//! Changes of conditions as a person writes them, one a line.

use super::{Conditions, Cut, Door, Ending, FaultProxy, Flow, Schedule, Way};
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

/// What can be written.
pub(super) const GRAMMAR: &str = "\
heal                              nothing is done to anybody any more
break                             reset every connection that there is
vanish                            every connection that there is carries nothing any more
open | refuse | reset | swallow   what happens to new connections
target HOST:PORT                  where new connections go
[up|down] latency MS [JITTER_MS]  delay each piece
[up|down] rate BYTES              so many bytes a second; 0: no limit
[up|down] slice BYTES             the most bytes in one write; 0: no limit
[up|down] pass | stall | lose | close
[up|down] cut BYTES close|reset   end each connection after so many bytes
seed SEED SECONDS                 play the schedule of a seed, then heal

Without `up` (towards the target) or `down`, both directions change.";

/// One change of a [`FaultProxy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// All is well again.
    Heal,
    /// Every connection breaks.
    Break,
    /// The peers of all connections vanish.
    Vanish,
    /// What happens to new connections.
    Door(Door),
    /// New connections go elsewhere.
    Target(SocketAddr),
    /// A direction changes, or both.
    Way {
        /// Whether the direction towards the target changes.
        up: bool,
        /// Whether the direction from the target changes.
        down: bool,
        /// What changes.
        change: Change,
    },
    /// A schedule is played.
    Seed {
        /// Its seed.
        seed: u64,
        /// How long it takes.
        length: Duration,
    },
}

/// One property of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Latency and jitter.
    Latency(Duration, Duration),
    /// Bytes in a second.
    Rate(Option<NonZeroU64>),
    /// Bytes in a write.
    Slice(Option<NonZeroUsize>),
    /// Whether bytes move.
    Flow(Flow),
    /// An end after so many bytes.
    Cut(Cut),
}

/// A line that is no command; it shows what would be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError(String);

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no command. Commands are:\n{GRAMMAR}", self.0)
    }
}

impl std::error::Error for CommandError {}

impl FromStr for Command {
    type Err = CommandError;

    fn from_str(line: &str) -> Result<Self, CommandError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Command::read(&words).ok_or_else(|| CommandError(line.to_owned()))
    }
}

impl Command {
    fn read(words: &[&str]) -> Option<Self> {
        Some(match words {
            ["heal"] => Command::Heal,
            ["break"] => Command::Break,
            ["vanish"] => Command::Vanish,
            ["open"] => Command::Door(Door::Open),
            ["refuse"] => Command::Door(Door::Refuse),
            ["reset"] => Command::Door(Door::Reset),
            ["swallow"] => Command::Door(Door::Swallow),
            ["target", address] => Command::Target(address.parse().ok()?),
            ["seed", seed, seconds] => Command::Seed {
                seed: seed.parse().ok()?,
                length: Duration::from_secs(seconds.parse().ok()?),
            },
            ["up", rest @ ..] => Command::way(true, false, rest)?,
            ["down", rest @ ..] => Command::way(false, true, rest)?,
            rest => Command::way(true, true, rest)?,
        })
    }

    fn way(up: bool, down: bool, words: &[&str]) -> Option<Self> {
        let millis = |text: &str| text.parse().ok().map(Duration::from_millis);
        let change = match words {
            ["latency", latency] => Change::Latency(millis(latency)?, Duration::ZERO),
            ["latency", latency, jitter] => Change::Latency(millis(latency)?, millis(jitter)?),
            ["rate", bytes] => Change::Rate(NonZeroU64::new(bytes.parse().ok()?)),
            ["slice", bytes] => Change::Slice(NonZeroUsize::new(bytes.parse().ok()?)),
            ["pass"] => Change::Flow(Flow::Pass),
            ["stall"] => Change::Flow(Flow::Stall),
            ["lose"] => Change::Flow(Flow::Swallow),
            ["close"] => Change::Flow(Flow::Close),
            ["cut", after, ending] => Change::Cut(Cut {
                after: after.parse().ok()?,
                ending: match *ending {
                    "close" => Ending::Close,
                    "reset" => Ending::Reset,
                    _ => return None,
                },
            }),
            _ => return None,
        };
        Some(Command::Way { up, down, change })
    }

    /// Does it. A schedule is played to its end.
    pub async fn apply(&self, proxy: &FaultProxy) {
        let mut conditions = proxy.conditions();
        match self {
            Command::Heal => conditions = Conditions::default(),
            Command::Break => return proxy.break_all(),
            Command::Vanish => return proxy.vanish_all(),
            Command::Target(target) => return proxy.retarget(*target),
            Command::Seed { seed, length } => {
                return Schedule::of(*seed, *length, *length / 10).play(proxy).await;
            }
            Command::Door(door) => conditions.door = *door,
            Command::Way { up, down, change } => {
                if *up {
                    change.apply(&mut conditions.up);
                }
                if *down {
                    change.apply(&mut conditions.down);
                }
            }
        }
        proxy.set(conditions);
    }
}

impl Change {
    fn apply(self, way: &mut Way) {
        match self {
            Change::Latency(latency, jitter) => (way.latency, way.jitter) = (latency, jitter),
            Change::Rate(rate) => way.rate = rate,
            Change::Slice(slice) => way.slice = slice,
            Change::Flow(flow) => way.flow = flow,
            Change::Cut(cut) => way.cut = Some(cut),
        }
    }
}
