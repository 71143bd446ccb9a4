//! A stream of states.

use super::peer::Watching;
use bytes::Bytes;
use forebay_core::Shutdown;
use forebay_transport::status::{Code, Status};
use http::HeaderMap;
use hyper::body::Frame;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior};

/// What comes next.
#[derive(Debug)]
enum Next {
    /// A state: when it is time, or when the endpoint closes.
    State,
    /// The trailers.
    Trailers,
    /// Nothing.
    End,
}

/// Gives a state at once, one at each interval, and one when the endpoint closes; then the code OK.
///
/// A state is made when it is asked for, and it is asked for when the last one has gone: a client that reads slowly makes
/// nothing wait here.
pub(super) struct Watch<S> {
    next: Next,
    interval: Interval,
    closing: Shutdown,
    state: S,
    _place: (OwnedSemaphorePermit, Watching),
}

impl<S: Fn() -> Bytes> Watch<S> {
    /// `state` makes a state, with its prefix. `place` is held for as long as the stream lasts.
    pub(super) fn new(
        interval: Duration,
        closing: Shutdown,
        state: S,
        place: (OwnedSemaphorePermit, Watching),
    ) -> Self {
        let mut interval = tokio::time::interval(interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Watch {
            next: Next::State,
            interval,
            closing,
            state,
            _place: place,
        }
    }

    /// The next part of the answer.
    pub(super) async fn next(&mut self) -> Option<Frame<Bytes>> {
        match self.next {
            Next::State => {
                tokio::select! {
                    biased;
                    () = self.closing.stopped() => self.next = Next::Trailers,
                    _ = self.interval.tick() => {}
                }
                Some(Frame::data((self.state)()))
            }
            Next::Trailers => {
                self.next = Next::End;
                let mut trailers = HeaderMap::new();
                Status::new(Code::Ok, "").write_trailers(&mut trailers);
                Some(Frame::trailers(trailers))
            }
            Next::End => None,
        }
    }
}
