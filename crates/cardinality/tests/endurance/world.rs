//! A limiter, with what is needed to use it.

use super::traffic::Request;
use forebay_cardinality::SeriesHasher;
use forebay_cardinality::limiter::{Action, Admission, Limiter, Limits, Policies, Policy, Settings};
use forebay_cardinality::limiter::{Review, Verdict};
use forebay_otlp::edit::Editor;

/// What is usual, with a limit for each stream.
pub(crate) fn policy(limit: u32) -> Policy {
    Policy {
        limit,
        action: Action::Fold,
        admission: Admission::FirstCome,
        idle_timeout: 900,
    }
}

pub(crate) fn settings(policy: Policy, max_bytes: u64) -> Settings {
    Settings {
        limits: Limits {
            policies: Policies::one(policy),
            group_limit: u64::MAX,
            total_limit: u64::MAX,
        },
        group_by: Vec::new(),
        max_bytes,
        exemplars: 0,
        rules: None,
        hasher: SeriesHasher::with_seed(1),
    }
}

/// A limiter and its editor.
pub(crate) struct World {
    pub(crate) limiter: Limiter,
    pub(crate) editor: Editor,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        World {
            limiter: Limiter::new(settings),
            editor: Editor::new(),
        }
    }

    /// Series that have a place.
    pub(crate) fn live(&self) -> u64 {
        self.limiter.usage().live
    }

    pub(crate) fn review(&mut self, request: &Request, now: u32) -> Review {
        self.limiter
            .review(&mut self.editor, &request.bytes(), request.points(), now)
            .unwrap()
    }
}

/// Whether a point goes on as a point of its own series.
pub(crate) fn has_own_series(review: &Review, number: usize) -> bool {
    match review.verdicts()[number] {
        Verdict::Keep => true,
        Verdict::Replace(start, end) => review.body(start, end).windows(7).any(|key| key == b"user.id"),
        Verdict::Fold | Verdict::Drop(_) => false,
    }
}
