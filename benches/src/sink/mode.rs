//! How the sink behaves, and failures on demand.

use super::Shared;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The sink's behaviour; `POST /mode` takes it as JSON, and what is left out has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub struct Mode {
    /// Whether it lives.
    pub condition: Condition,
    /// Return to a well-behaved sink after this time.
    pub for_ms: Option<u64>,
    /// Answer after this time.
    pub delay_ms: u64,
    /// Fail this share of the requests: 0 to 1.
    pub fail_ratio: f64,
    /// The status to fail with: a gRPC code (0 to 16) or an HTTP status; default 14 and 503.
    pub status: Option<u16>,
    /// Ask for this delay before another attempt (HTTP: rounded up to seconds).
    pub retry_delay_ms: Option<u64>,
}

/// Whether the sink lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// It accepts and answers.
    #[default]
    Alive,
    /// It accepts connections, but reads and answers no request. Requests that are still waiting when it comes back to
    /// life are then answered.
    Dead,
    /// It closes its connections and accepts none.
    Refuse,
}

/// A failure as each protocol says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The gRPC code.
    pub grpc: i32,
    /// The HTTP status.
    pub http: u16,
    /// The delay to ask for.
    pub retry_delay: Option<Duration>,
}

/// gRPC codes and the HTTP statuses that say the same.
const PAIRS: [(i32, u16); 8] = [
    (3, 400),
    (16, 401),
    (7, 403),
    (5, 404),
    (8, 429),
    (13, 500),
    (14, 503),
    (4, 504),
];

impl Mode {
    /// The failure to answer with.
    pub fn failure(&self) -> Failure {
        let retry_delay = self.retry_delay_ms.map(Duration::from_millis);
        let status = self.status.unwrap_or(14);
        let (grpc, http) = if status >= 100 {
            let pair = PAIRS.iter().find(|(_, http)| *http == status);
            (pair.map_or(14, |(grpc, _)| *grpc), status)
        } else {
            let grpc = i32::from(status);
            let pair = PAIRS.iter().find(|(code, _)| *code == grpc);
            (grpc, pair.map_or(500, |(_, http)| *http))
        };
        Failure {
            grpc,
            http,
            retry_delay,
        }
    }

    /// Whether this request is to fail.
    pub(super) fn fails(&self) -> bool {
        self.fail_ratio > 0.0 && fastrand::f64() < self.fail_ratio
    }
}

/// Changes the mode; if it ends by itself, a task of the current runtime ends it.
pub(super) fn set(shared: &Arc<Shared>, mode: Mode) {
    let time = mode.for_ms.map(Duration::from_millis);
    shared.mode.send_replace(mode.clone());
    let Some(time) = time else { return };
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        // Unless someone has set another mode meanwhile.
        shared.mode.send_if_modified(|now| {
            let ours = *now == mode;
            if ours {
                *now = Mode::default();
            }
            ours
        });
    });
}

/// Waits until the condition is one of those wanted, or the sink ends.
pub(super) async fn until(mode: &mut watch::Receiver<Mode>, wanted: impl Fn(Condition) -> bool) {
    // An error means that the sink ends: there is nothing more to wait for.
    let _ended = mode.wait_for(|mode| wanted(mode.condition)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_said_in_both_protocols() {
        let failure = |status| {
            Mode {
                status,
                ..Mode::default()
            }
            .failure()
        };
        assert_eq!((failure(None).grpc, failure(None).http), (14, 503));
        assert_eq!((failure(Some(8)).grpc, failure(Some(8)).http), (8, 429));
        assert_eq!((failure(Some(400)).grpc, failure(Some(400)).http), (3, 400));
        assert_eq!((failure(Some(502)).grpc, failure(Some(502)).http), (14, 502));
    }
}
