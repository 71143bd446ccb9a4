//! The limiter: who has a place among the series, and what becomes of the measurements of who has none.
//!
//! A *stream* is one metric of one scope of one resource: name, unit, kind, temporality and monotonicity. A *series* is one attribute set of a
//! stream. A *group* is one resource, or one value of chosen resource attributes. A series that has a *place* is *live*, and its
//! points pass as they came. What finds no place is *folded* into the *overflow series* of its stream, whose only attribute is
//! `otel.metric.overflow = true`.
//!
//! **The law.** For every stream, whatever comes in whatever order, what goes out measures as much as what came in: exactly for
//! integers and counts, to rounding for doubles. What that means depends on the stream (`Manner` in `stream.rs`):
//!
//! | points | what they measure | the overflow series |
//! |---|---|---|
//! | delta, or of no temporality | each by itself | the sum of those of a request; nothing is remembered |
//! | cumulative sums that never go down, histograms, summaries | the increase since the last point of the series; all, if the series is new or began anew | the sum of all increases: it never goes down and never begins anew |
//! | gauges, cumulative sums that go down | a level | the sum of the latest levels of all series that are part of it |
//!
//! So folded series of the latter two are remembered, each with its last point. A series that had a place and lost it goes on in the overflow series
//! from its last point. One that is given a place goes on by itself from where the overflow series has counted it: its points are made
//! from a total that begins there, with a start time of their own. Points that come late or twice add nothing.
//!
//! Where there is no memory to remember a series, a point of it counts whole if it begins after everything that may have been counted and
//! forgotten; else it is dropped, and that is counted. Nothing is ever counted twice.
//!
//! | file | holds |
//! |---|---|
//! | `survey.rs` | the points of a request and their identities, before anything is locked |
//! | `partition.rs`, `group.rs`, `metric.rs`, `stream.rs` | some of the groups, with their metrics and streams |
//! | `table.rs`, `directory.rs`, `slab.rs`, `pool.rs` | slots and more by identity, in memory of a fixed amount |
//! | `work.rs`, `earning.rs` | the points of one stream: who passes, who is given a place |
//! | `fold.rs`, `level.rs`, `state.rs` | what is folded, what is remembered for it |
//! | `merge.rs` | points whose attributes are changed, and become one |
//! | `sweep.rs` | who is idle, and who is forgotten |
//! | `report.rs`, `counts.rs` | what operators see |

mod counts;
mod directory;
mod earning;
mod fold;
mod group;
mod level;
mod merge;
mod metric;
mod partition;
mod pool;
mod report;
mod review;
mod settings;
mod slab;
mod state;
mod stream;
mod survey;
mod sweep;
mod table;
mod work;

use crate::Identity;
use bytes::Bytes;
use forebay_otlp::edit::Editor;
use forebay_otlp::{Signal, WireError};
use partition::{Partition, Seen};
use pool::Pool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use survey::Survey;
use work::Turn;

pub use counts::Counts;
pub use report::{GroupUse, MetricUse, Question, Report, Standing, Usage};
pub use review::{Cause, Review, Verdict};
pub use settings::{Action, Admission, Choose, Limits, Policies, Policy, Settings};

/// Partitions: as many requests of different groups can be looked through at once.
const PARTITIONS: usize = 16;

/// What all partitions share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    pool: Pool,
    /// The identity of the attributes of an overflow series.
    overflow_set: Identity,
}

/// Limits the number of series. One limiter is shared by all threads.
#[derive(Debug)]
pub struct Limiter {
    shared: Shared,
    limits: RwLock<Arc<Limits>>,
    partitions: Box<[Mutex<Partition>]>,
}

impl Limiter {
    /// A limiter that knows of no series yet.
    pub fn new(settings: Settings) -> Self {
        Limiter {
            limits: RwLock::new(Arc::new(settings.limits.clone())),
            partitions: (0..PARTITIONS).map(|_| Mutex::new(Partition::new())).collect(),
            shared: Shared {
                pool: Pool::new(settings.max_bytes, settings.limits.total_limit),
                overflow_set: settings.hasher.attribute(fold::OVERFLOW),
                settings,
            },
        }
    }

    /// Looks through a request of metrics of `items` points and says what is to become of each. `now` is in seconds of a clock that
    /// does not go back.
    ///
    /// # Errors
    ///
    /// What is wrong with the request; nothing was noted then.
    pub fn review(
        &self,
        editor: &mut Editor,
        request: &Bytes,
        items: usize,
        now: u32,
    ) -> Result<Review, WireError> {
        let (shared, settings) = (&self.shared, &self.shared.settings);
        let mut survey = Survey::new(&settings.hasher, &settings.group_by, request, items);
        editor.edit(Signal::Metrics, request, &mut survey)?;
        let limits = self.limits();
        let mut review = Review::of(survey.points.len());
        let mut turn = Turn {
            request,
            review: &mut review,
        };
        for streams in survey.streams.chunk_by(|one, next| one.resource == next.resource) {
            let group = streams
                .first()
                .and_then(|stream| survey.resources.get(stream.resource));
            let Some(mut partition) = group.and_then(|seen| self.partition(seen.group)) else {
                continue;
            };
            partition.sweep(shared, &limits, now);
            for stream in streams {
                let seen = Seen {
                    shared,
                    limits: &limits,
                    survey: &survey,
                    stream,
                };
                partition.stream(seen, now, &mut turn);
            }
        }
        Ok(review)
    }

    /// Puts other limits in force. Series keep their places, and what is remembered of them; where there are more than the new limits
    /// allow, no other gets a place until enough of them have been idle. The policies must be those of before in number and order, each
    /// with the same attribute rules.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.pool.set_total_limit(limits.total_limit);
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(limits);
    }

    fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.limits.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn partition(&self, group: Identity) -> Option<MutexGuard<'_, Partition>> {
        // Other bits than those that the tables use.
        let at = (group.high() & 0xffff) as usize % PARTITIONS;
        let partition = self.partitions.get(at)?;
        Some(partition.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn each_partition(&self) -> impl Iterator<Item = MutexGuard<'_, Partition>> {
        let partitions = self.partitions.iter();
        partitions.map(|partition| partition.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
