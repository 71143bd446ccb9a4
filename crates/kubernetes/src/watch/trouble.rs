//! What can go wrong between us and the API server, and for how long we keep still then.

use crate::known::Superseded;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use std::time::Duration;

use crate::objects::Text;

/// Why a list or a watch came to its end other than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// There is no connection, or no credentials to make one with.
    Unreachable,
    /// 401: the token is not accepted, or not any more.
    Unauthorized,
    /// 403: the token is accepted, and does not allow this.
    Forbidden,
    /// 429: the API server wants fewer requests.
    Throttled,
    /// 410: what the request goes on from is not remembered any more.
    Gone,
    /// Another status.
    Refused,
    /// An answer ended in the middle.
    CutOff,
    /// Nothing came for too long.
    Silent,
    /// What came is not what it should be, or too large.
    Invalid,
}

impl Cause {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Cause; 9] = [
        Cause::Unreachable,
        Cause::Unauthorized,
        Cause::Forbidden,
        Cause::Throttled,
        Cause::Gone,
        Cause::Refused,
        Cause::CutOff,
        Cause::Silent,
        Cause::Invalid,
    ];

    /// As a label of metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Cause::Unreachable => "unreachable",
            Cause::Unauthorized => "unauthorized",
            Cause::Forbidden => "forbidden",
            Cause::Throttled => "throttled",
            Cause::Gone => "gone",
            Cause::Refused => "refused",
            Cause::CutOff => "cut_off",
            Cause::Silent => "silent",
            Cause::Invalid => "invalid",
        }
    }

    const fn of(status: StatusCode) -> Cause {
        match status {
            StatusCode::UNAUTHORIZED => Cause::Unauthorized,
            StatusCode::FORBIDDEN => Cause::Forbidden,
            StatusCode::TOO_MANY_REQUESTS => Cause::Throttled,
            StatusCode::GONE => Cause::Gone,
            _ => Cause::Refused,
        }
    }
}

/// What went wrong, for people, and how long the API server asked to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) cause: Cause,
    pub(super) words: String,
    pub(super) after: Option<Duration>,
}

/// Why following a kind does not go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// Something went wrong: it is tried again.
    Trouble(Trouble),
    /// Another one follows the cluster: there is nothing left to do.
    Superseded,
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Stop::Trouble(trouble)
    }
}

impl From<Superseded> for Stop {
    fn from(_: Superseded) -> Self {
        Stop::Superseded
    }
}

/// A `Status` object, v1: what the API server says in the body of a failure, and in the event that ends a watch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StatusObject<'a> {
    pub(super) code: u16,
    #[serde(borrow)]
    pub(super) message: Text<'a>,
    #[serde(borrow)]
    pub(super) reason: Text<'a>,
    pub(super) details: Option<StatusDetails>,
}

/// What a `Status` says beyond its message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct StatusDetails {
    retry_after_seconds: Option<u64>,
}

/// So much of a message is shown.
const SHOWN: usize = 200;

impl Trouble {
    pub(super) fn new(cause: Cause, words: impl std::fmt::Display) -> Trouble {
        Trouble {
            cause,
            words: words.to_string(),
            after: None,
        }
    }

    /// What an answer other than 200 says.
    pub(super) fn answered(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Trouble {
        let object: StatusObject<'_> = serde_json::from_slice(body).unwrap_or_default();
        let retry = headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let retry = retry.and_then(|seconds| seconds.trim().parse().ok());
        let asked = retry.or_else(|| object.details.as_ref()?.retry_after_seconds);
        let words: String = match object.message.is_empty() {
            true => status.to_string(),
            false => format!("{status}: {}", object.message),
        };
        Trouble {
            cause: Cause::of(status),
            words: words.chars().take(SHOWN).collect(),
            after: asked.map(Duration::from_secs),
        }
    }

    /// What an `ERROR` event says.
    pub(super) fn of_event(object: &StatusObject<'_>) -> Trouble {
        let status = StatusCode::from_u16(object.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let gone = matches!(&*object.reason, "Expired" | "Gone");
        let after = object
            .details
            .as_ref()
            .and_then(|details| details.retry_after_seconds);
        Trouble {
            cause: if gone { Cause::Gone } else { Cause::of(status) },
            words: object.message.chars().take(SHOWN).collect(),
            after: after.map(Duration::from_secs),
        }
    }
}

/// The first pause, and the longest one.
const FIRST: Duration = Duration::from_millis(800);
const LONGEST: Duration = Duration::from_secs(30);
/// An API server is not believed that wants to be left alone for longer.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

/// For how long to keep still after one failure and the next.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Failures in a row.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Something worked.
    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// Something failed. The pause is between one and two times what it is by now, so that those who lost the same API server
    /// do not come back at once; and no shorter than what was asked for.
    pub(super) fn failed(&mut self, asked: Option<Duration>) -> Duration {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let pause = doubled.max(asked.unwrap_or_default().min(LONGEST_ASKED));
        pause.mul_f64(1.0 + fastrand::f64())
    }
}
