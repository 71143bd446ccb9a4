//! What a detector is, and what it answers.

use crate::{Attribute, Surroundings, Wanted};
use futures_util::future::BoxFuture;
use std::fmt::Debug;

/// The most attributes that are taken from one detector.
pub const ATTRIBUTES_MAX: usize = 128;
/// The most bytes of names and values that are taken from one detector.
pub const BYTES_MAX: usize = 64 << 10;

/// Looks at one kind of place.
pub trait Detector: Debug + Send + Sync {
    /// Finds out what it can. It is cut off, by being dropped, when its time is up. `wanted` says which attributes are asked for: what
    /// is costly to find out or not anybody's business is not to be looked at unless it is wanted.
    fn detect<'a>(&'a self, surroundings: &'a Surroundings, wanted: &'a Wanted) -> BoxFuture<'a, Outcome>;
}

/// What a detector has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This is such a place: what is known of it, in order.
    Found(Vec<Attribute>),
    /// This is such a place, but something of it could not be found out. It is tried again; until then what was known before stays.
    Partial {
        /// What is known of it, in order.
        attributes: Vec<Attribute>,
        /// What went wrong.
        failure: String,
    },
    /// This is not such a place. That is no failure, and final until the next refresh.
    Absent,
    /// Whether this is such a place could not be found out: what went wrong. It is tried again; until then what was known before stays.
    Failed(String),
}

impl Outcome {
    /// What was found, together with what went wrong, if anything did.
    pub fn of(attributes: Vec<Attribute>, failures: &[String]) -> Self {
        match (attributes.is_empty(), failures.is_empty()) {
            (true, true) => Outcome::Absent,
            (true, false) => Outcome::Failed(failures.join("; ")),
            (false, true) => Outcome::Found(attributes),
            (false, false) => Outcome::Partial {
                attributes,
                failure: failures.join("; "),
            },
        }
    }

    /// The word for metrics: `found`, `partial`, `absent` or `failed`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Outcome::Found(_) => "found",
            Outcome::Partial { .. } => "partial",
            Outcome::Absent => "absent",
            Outcome::Failed(_) => "failed",
        }
    }

    /// What went wrong, if anything did.
    pub fn failure(&self) -> Option<&str> {
        match self {
            Outcome::Partial { failure, .. } | Outcome::Failed(failure) => Some(failure),
            Outcome::Found(_) | Outcome::Absent => None,
        }
    }

    /// The same with no more than is wanted and may be taken: each name once, at most [`ATTRIBUTES_MAX`] of them and [`BYTES_MAX`] bytes.
    /// What is left out for its size is a failure.
    pub(crate) fn within_bounds(self, wanted: &Wanted) -> Self {
        let (attributes, failure) = match self {
            Outcome::Found(attributes) => (attributes, None),
            Outcome::Partial { attributes, failure } => (attributes, Some(failure)),
            other => return other,
        };
        let mut kept: Vec<Attribute> = Vec::with_capacity(attributes.len().min(ATTRIBUTES_MAX));
        let (mut bytes, mut left_out) = (0, 0_usize);
        for attribute in attributes.into_iter().filter(|found| wanted.has(&found.key)) {
            if kept.iter().any(|other| other.key == attribute.key) {
                continue;
            }
            let more = attribute.key.len() + attribute.value.bytes();
            if kept.len() == ATTRIBUTES_MAX || bytes + more > BYTES_MAX {
                left_out += 1;
                continue;
            }
            bytes += more;
            kept.push(attribute);
        }
        let too_many = (left_out > 0).then(|| {
            format!("{left_out} attributes are left out: at most {ATTRIBUTES_MAX} with {BYTES_MAX} bytes are taken")
        });
        match failure
            .into_iter()
            .chain(too_many)
            .reduce(|one, other| format!("{one}; {other}"))
        {
            Some(failure) => Outcome::Partial {
                attributes: kept,
                failure,
            },
            None => Outcome::Found(kept),
        }
    }
}
