//! What is counted of a destination, beside the items in the books.

use forebay_telemetry::Recorder;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// What is counted of a destination, beside the items in the books.
#[derive(Debug, Default)]
pub struct DeliveryMeter {
    /// Attempts that the destination accepted.
    pub succeeded: AtomicU64,
    /// Attempts that failed and could be repeated.
    pub retryable: AtomicU64,
    /// Attempts that failed for good.
    pub permanent: AtomicU64,
    /// Requests under way now, those waiting for their next attempt included.
    pub in_flight: AtomicU64,
    /// How many requests may be under way now.
    pub in_flight_limit: AtomicU64,
    /// Requests that were sent only to find out what was wrong with an earlier one.
    pub isolation: AtomicU64,
    /// The most bytes that the destination is taken to accept in one request; 0 while it has refused none for its size.
    pub request_limit: AtomicU64,
    /// How often the circuit breaker has opened.
    pub opened: AtomicU64,
    /// How long one attempt took.
    pub attempt: Recorder,
    /// How long it took from the receiver's door to the destination's yes. Destinations of one exporter have it in common.
    pub end_to_end: Arc<Recorder>,
    circuit: AtomicU8,
}

/// The state of a destination's circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Circuit {
    /// Requests go.
    #[default]
    Closed,
    /// None goes before the wait is over.
    Open,
    /// One is under way, to find out whether the rest may follow.
    Probing,
}

impl Circuit {
    /// The number for it in `/metrics`.
    pub(crate) const fn value(self) -> f64 {
        match self {
            Circuit::Closed => 0.0,
            Circuit::Probing => 0.5,
            Circuit::Open => 1.0,
        }
    }

    /// The word for it in `/status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Circuit::Closed => "closed",
            Circuit::Open => "open",
            Circuit::Probing => "probing",
        }
    }
}

impl DeliveryMeter {
    /// The meter of one destination out of several, which have this recorder in common.
    pub(crate) fn recording_in(end_to_end: &Arc<Recorder>) -> Self {
        DeliveryMeter {
            end_to_end: Arc::clone(end_to_end),
            ..DeliveryMeter::default()
        }
    }

    /// Attempts so far: those that succeeded, that could be repeated, that failed for good.
    pub(crate) fn attempts(&self) -> [u64; 3] {
        [&self.succeeded, &self.retryable, &self.permanent].map(|count| count.load(Ordering::Relaxed))
    }

    /// The state of the circuit breaker.
    pub fn circuit(&self) -> Circuit {
        match self.circuit.load(Ordering::Relaxed) {
            0 => Circuit::Closed,
            1 => Circuit::Open,
            _ => Circuit::Probing,
        }
    }

    pub(super) fn set_circuit(&self, circuit: Circuit) {
        self.circuit.store(circuit as u8, Ordering::Relaxed);
    }
}
