//! Why items leave the graph other than by delivery: a closed list, since each is a metric label.

use std::fmt;

/// Why items were refused (their sender was told, and still has them) or dropped (nobody has them any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The memory budget has no room.
    OverBudget,
    /// The request, or one decompressed from it, is larger than the receiver's limit; or an item alone is larger than an
    /// exporter's limit, or than its destination takes.
    TooLarge,
    /// The bytes are not a valid request of their signal.
    Malformed,
    /// The process is draining and takes nothing new.
    Draining,
    /// No pipeline takes this signal from this receiver.
    NoPipeline,
    /// A queue or an edge is full, and it is set to refuse or to drop what comes last.
    QueueFull,
    /// A queue is full, and it is set to drop what came first.
    QueueOverflow,
    /// The data grew older than its age limit while retries failed.
    Expired,
    /// The destination refused the data for good: sending it again cannot succeed.
    Rejected,
    /// The destination failed in a way that sending again may cure, and nobody here retries.
    Unavailable,
    /// The drain deadline passed before the data could be delivered.
    Shutdown,
    /// A `filter` processor was told to drop it.
    Filtered,
    /// The component that held the data panicked.
    Panicked,
    /// A component let go of the data without saying why: a fault of the component.
    Abandoned,
    /// The sender did not prove who it is.
    Unauthenticated,
    /// There are as many connections as may be, in all or from one peer.
    TooManyConnections,
    /// A sender was too slow: its handshake, its headers or its body did not come in time.
    TooSlow,
    /// The TLS handshake failed.
    Handshake,
    /// A client sent frames of HTTP/2 that bring nothing, faster than it may.
    Flooding,
    /// A limit on series is set to drop what exceeds it.
    Cardinality,
    /// A data point that had to be folded into an overflow series and cannot be: its value is no finite number, its buckets contradict
    /// themselves, or it is cumulative and cannot be known how much of it was counted before.
    Unsummable,
    /// A `redaction` processor was told to drop what has something that must not leave, or could not judge it.
    Redacted,
}

impl Reason {
    /// Every reason, in the order of their discriminants.
    pub const ALL: [Reason; 22] = [
        Reason::OverBudget,
        Reason::TooLarge,
        Reason::Malformed,
        Reason::Draining,
        Reason::NoPipeline,
        Reason::QueueFull,
        Reason::QueueOverflow,
        Reason::Expired,
        Reason::Rejected,
        Reason::Unavailable,
        Reason::Shutdown,
        Reason::Filtered,
        Reason::Panicked,
        Reason::Abandoned,
        Reason::Unauthenticated,
        Reason::TooManyConnections,
        Reason::TooSlow,
        Reason::Handshake,
        Reason::Flooding,
        Reason::Cardinality,
        Reason::Unsummable,
        Reason::Redacted,
    ];

    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The word used as metric label and in `/status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::OverBudget => "over_budget",
            Reason::TooLarge => "too_large",
            Reason::Malformed => "malformed",
            Reason::Draining => "draining",
            Reason::NoPipeline => "no_pipeline",
            Reason::QueueFull => "queue_full",
            Reason::QueueOverflow => "queue_overflow",
            Reason::Expired => "expired",
            Reason::Rejected => "rejected",
            Reason::Unavailable => "unavailable",
            Reason::Shutdown => "shutdown",
            Reason::Filtered => "filtered",
            Reason::Panicked => "panicked",
            Reason::Abandoned => "abandoned",
            Reason::Unauthenticated => "unauthenticated",
            Reason::TooManyConnections => "too_many_connections",
            Reason::TooSlow => "too_slow",
            Reason::Handshake => "handshake",
            Reason::Flooding => "flooding",
            Reason::Cardinality => "cardinality",
            Reason::Unsummable => "unsummable",
            Reason::Redacted => "redacted",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
