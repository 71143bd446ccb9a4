//! At most a few lines of a kind in a while: a destination that is down for a night fills no disk.

use std::collections::HashMap;
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;

/// So many lines of a kind pass ...
const LINES: u64 = 5;
/// ... in this time.
const WINDOW: Duration = Duration::from_secs(10);
/// The most kinds that are told apart by what they are about; beyond them only by where in the code they come from.
const KINDS_MAX: usize = 1024;

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is written; this many of its kind were held back before it.
    Pass {
        /// Lines held back since the last that passed.
        suppressed: u64,
    },
    /// It is held back and counted.
    Suppress,
}

/// Counts lines by kind: where in the code they come from, and which node they are about.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    kinds: HashMap<(Identifier, u64), Kind>,
}

#[derive(Debug)]
struct Kind {
    began: Instant,
    passed: u64,
    suppressed: u64,
}

impl Limiter {
    /// Decides about a line from `callsite` about `subject` (a hash; 0 for nothing in particular).
    pub(crate) fn decide(&mut self, callsite: Identifier, subject: u64, now: Instant) -> Decision {
        let mut key = (callsite, subject);
        if self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(&key) {
            // The callsites of a program are few and fixed.
            key.1 = 0;
        }
        let kind = self.kinds.entry(key).or_insert(Kind {
            began: now,
            passed: 0,
            suppressed: 0,
        });
        if now.saturating_duration_since(kind.began) >= WINDOW {
            kind.began = now;
            kind.passed = 0;
        }
        if kind.passed >= LINES {
            kind.suppressed += 1;
            return Decision::Suppress;
        }
        kind.passed += 1;
        let suppressed = std::mem::take(&mut kind.suppressed);
        Decision::Pass { suppressed }
    }

    /// How many lines were held back and not told of; forgets them.
    pub(crate) fn finish(&mut self) -> u64 {
        self.kinds
            .values_mut()
            .map(|kind| std::mem::take(&mut kind.suppressed))
            .sum()
    }
}
