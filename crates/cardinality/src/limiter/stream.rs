//! Streams: what is known of one metric of one scope of one resource.

use super::directory::Known;
use super::pool::Pool;
use super::state::Total;
use super::survey::StreamSeen;
use crate::Identity;
use forebay_otlp::DataKind;

/// How points of a stream become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Each point is a measurement of its own: those of a request are added up, and nothing is remembered.
    Delta,
    /// Each point is a total that never goes down: what each series adds is the difference from its last point.
    Cumulative,
    /// Each point is a level: the sum is over the latest of each series.
    Level,
}

impl Manner {
    /// By the data model: temporality and monotonicity say how sums may be added, a gauge has its last value, a summary is cumulative
    /// (metrics data model, "Sums", "Gauge", "Summary"). A temporality that is not said is taken for delta: adding up what came is the
    /// only sum that holds whatever was meant.
    pub(super) const fn of(seen: &StreamSeen) -> Manner {
        const CUMULATIVE: i32 = 2;
        match seen.kind {
            DataKind::Gauge => Manner::Level,
            DataKind::Summary => Manner::Cumulative,
            DataKind::Sum if seen.temporality == CUMULATIVE && !seen.is_monotonic => Manner::Level,
            _ if seen.temporality == CUMULATIVE => Manner::Cumulative,
            _ => Manner::Delta,
        }
    }
}

/// What is known of one stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) identity: Identity,
    /// The number of its metric.
    pub(super) metric: u32,
    pub(super) kind: DataKind,
    pub(super) manner: Manner,
    /// When it last had a point, in seconds.
    pub(super) seen: u32,
    /// Slots of its series, with a place or without.
    pub(super) slots: u32,
    /// The time of the last point of a series that was forgotten, in nanoseconds since 1970: what begins after it was not counted before.
    pub(super) horizon: u64,
    /// The time of the last point of an output that is gone, and in any case after its start: one of the same name that comes after it
    /// begins there at the earliest.
    pub(super) retired: u64,
    pub(super) overflow: Option<Box<Total>>,
}

impl Stream {
    /// One of which nothing is known yet. What began before `horizon` may have been counted and forgotten.
    pub(super) fn new(seen: &StreamSeen, metric: u32, horizon: u64) -> Self {
        Stream {
            identity: seen.identity,
            metric,
            kind: seen.kind,
            manner: Manner::of(seen),
            seen: 0,
            slots: 0,
            horizon,
            retired: horizon,
            overflow: None,
        }
    }

    /// The horizon once it is forgotten itself: its overflow series may have had all that came before.
    pub(super) fn horizon_after(&self) -> u64 {
        let time = self.overflow.as_ref().map_or(0, |total| total.time);
        self.horizon.max(self.retired).max(time)
    }

    /// Gives back what was taken for it.
    pub(super) fn free(self, pool: &Pool) {
        if let Some(total) = self.overflow {
            total.free(pool);
        }
    }
}

impl Known for Stream {
    fn identity(&self) -> Identity {
        self.identity
    }

    fn memory(&self) -> usize {
        0
    }
}
