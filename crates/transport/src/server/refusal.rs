//! Why the body of a request was not taken, and what its sender is told.

use crate::compression::{DecompressError, Encoding};
use crate::status::{Code, Status};
use forebay_core::component::over_budget;
use forebay_core::{OverBudget, Reason};

/// Why the body of a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The memory budget has no room: now, which is worth trying again, or ever.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
    /// The body, or what it decompresses to, is larger than the limit.
    #[error("the request is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The body is compressed in a way that is not known here.
    #[error("the compression is not supported; supported are {}", Encoding::ACCEPTED)]
    Encoding,
    /// The body is not what its headers say.
    #[error("{0}")]
    Malformed(&'static str),
    /// The body came more slowly than it must: see [`super::BodyPace`].
    #[error("the body came too slowly")]
    Stalled,
    /// The client went away before the body was whole.
    #[error("the body ended early")]
    Gone,
}

impl Refusal {
    /// What the sender is told.
    pub fn status(&self) -> Status {
        let code = match self {
            Refusal::OverBudget(error) => {
                let failure = over_budget(*error);
                let code = if error.never {
                    Code::ResourceExhausted
                } else {
                    Code::Unavailable
                };
                return Status::new(code, failure.message).after(failure.after);
            }
            Refusal::TooLarge { .. } => Code::ResourceExhausted,
            Refusal::Encoding => Code::Unimplemented,
            Refusal::Malformed(_) => Code::InvalidArgument,
            Refusal::Stalled => Code::DeadlineExceeded,
            Refusal::Gone => Code::Cancelled,
        };
        Status::new(code, self.to_string())
    }

    /// The reason, as it is counted.
    pub fn reason(&self) -> Reason {
        match self {
            Refusal::OverBudget(error) => over_budget(*error).reason,
            Refusal::TooLarge { .. } => Reason::TooLarge,
            Refusal::Stalled => Reason::TooSlow,
            _ => Reason::Malformed,
        }
    }
}

impl From<DecompressError> for Refusal {
    fn from(error: DecompressError) -> Self {
        match error {
            DecompressError::TooLarge { limit } => Refusal::TooLarge { limit },
            DecompressError::Corrupt(words) => Refusal::Malformed(words),
            DecompressError::OverBudget(error) => Refusal::OverBudget(error),
        }
    }
}
