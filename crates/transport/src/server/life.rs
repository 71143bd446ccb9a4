//! How long a connection goes on.

use super::LimitsConfig;
use super::connection::Ended;
use super::pulse::{Doing, Pulse};
use super::served::{Answer, Served};
use forebay_core::component::NodeContext;
use forebay_core::{Reason, Time};
use std::error::Error;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// How long answers may still be written once the process has stopped. The engine waits a second for its tasks then.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long a connection waits for its next request until its buffers are let go of. Looked at now and then.
const REST_AFTER: Duration = Duration::from_secs(1);
/// The part by which the age of connections varies, either way.
const JITTER: f64 = 0.1;

/// How long a connection may do what.
#[derive(Clone, Copy, Debug)]
struct Patience {
    header: Duration,
    idle: Option<Duration>,
    ends_at: Option<Time>,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    /// It goes on, and is looked at again then.
    GoesOn(Time),
    /// It ends when its requests are answered.
    Ends,
    /// It is closed at once: its client is too slow.
    Late,
}

impl Patience {
    fn new(limits: &LimitsConfig, now: Time) -> Self {
        let set = |period: Duration| Some(period).filter(|period| !period.is_zero());
        let age = set(limits.max_connection_age.0);
        Patience {
            header: limits.header_timeout.0,
            idle: set(limits.idle_timeout.0),
            ends_at: age.map(|age| now.after(age.mul_f64(1.0 + JITTER * (2.0 * fastrand::f64() - 1.0)))),
        }
    }

    fn judge(self, doing: Doing, now: Time) -> Judgement {
        let late_at = doing.owing_since.map(|since| since.after(self.header));
        if late_at.is_some_and(|at| at <= now) {
            return Judgement::Late;
        }
        let idle_until = doing.idle_since.zip(self.idle);
        let idle_until = idle_until.map(|(since, idle)| since.after(idle));
        let ends_at = [idle_until, self.ends_at].into_iter().flatten().min();
        if ends_at.is_some_and(|at| at <= now) {
            return Judgement::Ends;
        }
        // A client may begin something at any moment. So it is looked at often enough to see that in time.
        let look = now.after(self.header / 2);
        let next = [late_at, ends_at].into_iter().flatten().min();
        Judgement::GoesOn(next.map_or(look, |next| next.min(look)))
    }
}

/// From the first byte to the last: also through the drain.
pub(super) async fn live<IO, A>(
    mut served: Served<IO, A>,
    pulse: &Pulse,
    (node, limits): (&NodeContext, &LimitsConfig),
) -> Ended
where
    IO: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    A: Answer<Future: 'static>,
{
    let patience = Patience::new(limits, pulse.now());
    let mut look = patience.judge(pulse.doing(), pulse.now());
    let draining = loop {
        let at = match look {
            Judgement::GoesOn(at) => at,
            Judgement::Ends => break false,
            Judgement::Late => return Err(Some(Reason::TooSlow)),
        };
        tokio::select! {
            biased;
            ended = &mut served => return note(ended, pulse),
            () = node.shutdown.draining() => break true,
            () = node.clock.sleep_until(at) => {}
        }
        look = patience.judge(pulse.doing(), pulse.now());
        if pulse.rests(REST_AFTER) {
            served.rest();
        }
    };
    served.end();
    let grace = limits.max_connection_age_grace.0;
    tokio::select! {
        biased;
        ended = &mut served => note(ended, pulse),
        () = last_words(node) => Err(None),
        () = node.clock.sleep(grace), if !draining => Err(None),
    }
}

/// How a connection ended that HTTP has ended.
fn note(ended: hyper::Result<()>, pulse: &Pulse) -> Ended {
    ended.map_err(|error| {
        tracing::debug!(%error, "connection ended with an error");
        (pulse.is_flooded() || is_calmed(&error)).then_some(Reason::Flooding)
    })
}

/// Whether h2 has closed the connection for what it bounds by itself: streams that are reset before they begin, blocks of
/// headers in too many frames, empty data.
fn is_calmed(error: &hyper::Error) -> bool {
    let error = error
        .source()
        .and_then(|source| source.downcast_ref::<h2::Error>());
    error.is_some_and(|error| {
        error.is_library() && error.is_go_away() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM)
    })
}

/// Ready a moment after the process stopped: what was given up then is refused, and its senders are still to hear of it.
async fn last_words(node: &NodeContext) {
    node.shutdown.stopped().await;
    node.clock.sleep(LAST_WORDS).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_core::settings::Period;

    fn at(seconds: u64) -> Time {
        Time(Duration::from_secs(seconds))
    }

    fn doing(owing_since: Option<u64>, idle_since: Option<u64>) -> Doing {
        Doing {
            owing_since: owing_since.map(at),
            idle_since: idle_since.map(at),
        }
    }

    #[test]
    fn who_owes_is_late_after_the_header_timeout_and_who_is_idle_ends() {
        let patience = Patience::new(&LimitsConfig::default(), at(0));
        let judge = |owing, idle, now| patience.judge(doing(owing, idle), at(now));
        assert_eq!(judge(Some(0), Some(0), 0), Judgement::GoesOn(at(5)));
        assert_eq!(judge(Some(0), Some(0), 6), Judgement::GoesOn(at(10)));
        assert_eq!(judge(Some(0), Some(0), 10), Judgement::Late);
        assert_eq!(judge(Some(100), None, 109), Judgement::GoesOn(at(110)));
        assert_eq!(judge(None, Some(0), 299), Judgement::GoesOn(at(300)));
        assert_eq!(judge(None, Some(0), 300), Judgement::Ends);
        assert_eq!(judge(None, None, 1 << 30), Judgement::GoesOn(at((1 << 30) + 5)));
    }

    #[test]
    fn property_age_varies_by_a_tenth() {
        let limits = LimitsConfig {
            max_connection_age: Period(Duration::from_secs(1000)),
            ..LimitsConfig::default()
        };
        let ends: Vec<_> = (0..100)
            .filter_map(|_| Patience::new(&limits, at(5)).ends_at)
            .collect();
        assert_eq!(ends.len(), 100);
        assert!(
            ends.iter().all(|end| (at(905)..=at(1105)).contains(end)),
            "{ends:?}"
        );
        assert!(ends.iter().any(|end| *end != ends[0]));
    }
}
