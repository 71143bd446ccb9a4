//! What a component is: the traits that receivers, processors and exporters implement, and what they are given.

use crate::Signal;
use crate::accounts::{Accounts, NodeId};
use crate::batch::{Batch, Entry, Origin};
use crate::health::Health;
use crate::ledger::{Lease, Ledger, OverBudget};
use crate::payload::Payload;
pub use crate::processor::{
    BuiltProcessor, Flushed, Outputs, Partition, Port, Processor, ProcessorContext, StatefulProcessor,
};
use crate::signals::SignalSet;
use crate::tasks::{Shutdown, Tasks};
use crate::time::Clock;
use crate::token::{Delivery, DeliveryToken, Failure, Fault};
use forebay_telemetry::{InstrumentSet, Reason, ReloadMeter, RequestMeter};
use futures_util::future::BoxFuture;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What every node is given when it starts.
#[derive(Clone, Debug)]
pub struct NodeContext {
    /// Its place in the books.
    pub node: NodeId,
    /// Its name in the config file.
    pub name: Arc<str>,
    /// The clock to use.
    pub clock: Clock,
    /// With which it starts tasks: there is no other way.
    pub tasks: Tasks,
    /// The memory budget.
    pub ledger: Ledger,
    /// How far the shutdown has come.
    pub shutdown: Shutdown,
    /// Where it says whether it works.
    pub health: Health,
    /// The files that it reads again when they change.
    pub reloads: Arc<ReloadMeter>,
    /// Where it puts what it measures by itself.
    pub instruments: InstrumentSet,
}

// ---------------------------------------------------------------- receivers

/// Where a receiver listens. It prints as the config file writes it: `127.0.0.1:4317`, `unix:///run/forebay.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a unix socket.
    Unix(PathBuf),
}

impl ListenAddress {
    /// The address and port, where there are any.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            ListenAddress::Tcp(address) => Some(*address),
            ListenAddress::Unix(_) => None,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp(address) => address.fmt(f),
            ListenAddress::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// Takes data in from outside.
///
/// Life: `bind` once, before any node runs; then `run`, which returns when the receiver has drained: after
/// [`Shutdown::draining`] it takes nothing new, answers what it has, and ends.
pub trait Receiver: Send {
    /// Opens the sockets, so that a port in use is an error at start. Returns the addresses that it listens on.
    fn bind(&mut self) -> Result<Vec<ListenAddress>, ComponentError>;

    /// Serves until drained.
    fn run(self: Box<Self>, context: ReceiverContext) -> BoxFuture<'static, Result<(), ComponentError>>;
}

/// Where a receiver's batches go: the engine's side of its output.
pub trait Intake: Send + Sync {
    /// Moves a batch on, waiting for room where an edge says so. What becomes of it is told by its token.
    fn send<'a>(&'a self, batch: Batch) -> BoxFuture<'a, ()>;
}

/// What a receiver is given.
#[derive(Clone)]
pub struct ReceiverContext {
    /// What every node is given.
    pub node: NodeContext,
    /// The signals that some pipeline takes from this receiver. Others are answered as not implemented.
    pub accepts: SignalSet,
    /// Requests by outcome, and how long they took.
    pub requests: Arc<RequestMeter>,
    accounts: Accounts,
    intake: Arc<dyn Intake>,
}

impl ReceiverContext {
    /// The context of the receiver at `node`. The engine and tests make these.
    pub fn new(node: NodeContext, accepts: SignalSet, accounts: Accounts, intake: Arc<dyn Intake>) -> Self {
        ReceiverContext {
            node,
            accepts,
            requests: Arc::default(),
            accounts,
            intake,
        }
    }

    /// Asks the ledger for room for `bytes` bytes, before they are read. The failure tells the sender when to try again.
    pub fn admit(&self, bytes: u64) -> Result<Lease, Failure> {
        self.node.ledger.lease(bytes).map_err(over_budget)
    }

    /// Books `items` items as received, and makes a batch of them. With `acknowledge` set to `Delivered` the answer is
    /// the future's; else the batch is in our custody from the start and the future is ready at once.
    pub fn receive(&self, arrival: Arrival) -> (Batch, Delivery) {
        let Arrival {
            signal,
            payload,
            items,
            lease,
            origin,
            acknowledge,
        } = arrival;
        let custody = self
            .accounts
            .receive(self.node.node, signal, items, payload.len() as u64);
        let (mut token, delivery) = DeliveryToken::new();
        if acknowledge == Acknowledge::Accepted {
            token.take_custody();
        }
        let received_at = self.node.clock.now();
        (
            Batch::new(
                signal,
                payload,
                Entry {
                    custody,
                    lease,
                    token,
                    origin,
                    received_at,
                },
            ),
            delivery,
        )
    }

    /// Books items that were counted and then refused.
    pub fn refuse(&self, signal: Signal, items: u64, reason: Reason) {
        self.accounts.refuse(self.node.node, signal, items, reason);
    }

    /// Moves a batch on, waiting for room where an edge says so. What becomes of it is told by its token.
    pub async fn send(&self, batch: Batch) {
        self.intake.send(batch).await;
    }
}

impl fmt::Debug for ReceiverContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverContext")
            .field("node", &self.node)
            .field("accepts", &self.accepts)
            .finish()
    }
}

/// The failure that a full ledger means to a sender. What can never fit fails for good: it is too large.
pub fn over_budget(error: OverBudget) -> Failure {
    if error.never {
        let words = format!(
            "the request needs more memory than the memory budget can ever give it: {} bytes asked for",
            error.asked
        );
        return Failure::permanent(Reason::TooLarge, words).by(Fault::TooLarge);
    }
    Failure::retryable(Reason::OverBudget, error.to_string()).after(error.after)
}

/// A request as it stands at the receiver's door.
#[derive(Debug)]
pub struct Arrival {
    /// Its signal.
    pub signal: Signal,
    /// Its wire bytes, validated.
    pub payload: Payload,
    /// How many items there are in them.
    pub items: u64,
    /// The memory that they take.
    pub lease: Lease,
    /// Who sent it.
    pub origin: Arc<Origin>,
    /// When the sender is told that all is well.
    pub acknowledge: Acknowledge,
}

/// When a receiver tells its sender that all is well.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledge {
    /// Once the data is in the pipeline, in memory: a crash loses it, and so does a destination that refuses it.
    Accepted,
    /// Once every destination has it: nothing that was acknowledged is lost by a crash.
    #[default]
    Delivered,
}

// ---------------------------------------------------------------- exporters

/// Gives data to a destination: one attempt at a time. Queue, batching, retries, timeout and accounting are the engine's.
pub trait Exporter: Send + Sync {
    /// Called once before the first attempt, on the runtime.
    fn start(&self, context: &NodeContext) -> Result<(), ComponentError>;

    /// One attempt. It may be cancelled by its timeout or at shutdown, by being dropped.
    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>>;

    /// Called once after the last attempt: write out what is buffered, close what is open.
    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>>;
}

/// One request to a destination: the payload of one or more batches.
#[derive(Clone, Debug)]
pub struct Request {
    /// The signal of all items.
    pub signal: Signal,
    /// The wire bytes: a valid export request.
    pub payload: Payload,
    /// How many items there are in them.
    pub items: u64,
}

/// What the destination said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Items that it took note of and rejected (OTLP partial success).
    pub rejected_items: u64,
    /// What it said about them, or a warning.
    pub message: Option<Arc<str>>,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Sending the same again may succeed.
    #[error("{message}")]
    Retryable {
        /// How long the destination asked to wait.
        after: Option<Duration>,
        /// What it said.
        message: Arc<str>,
    },
    /// Sending the same again cannot succeed.
    #[error("{message}")]
    Permanent {
        /// What it said.
        message: Arc<str>,
        /// Whether a part of the data, or less of it, may succeed.
        fault: Fault,
    },
}

// ------------------------------------------------------------------- errors

/// Why a component cannot be built, started or go on. For people: it names what is wrong and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ComponentError(pub String);

impl ComponentError {
    /// An error with these words.
    pub fn new(words: impl fmt::Display) -> Self {
        ComponentError(words.to_string())
    }
}
