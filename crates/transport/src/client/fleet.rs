//! The HTTP/2 connections to one destination: requests take turns on them, and they are spread over its addresses.

use super::addresses::Address;
use super::body::Outgoing;
use super::line::{Common, Line, NoSeat, Seat, Underway};
use super::{CallError, words};
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::response::Parts;
use http::{Request, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The most connections that are made because a name has many addresses.
pub(super) const SPREAD: usize = 16;
/// How often one call starts over because the connection that it was given took no more requests.
const FRESH_STARTS: usize = 2;

/// Connections, opened when they are first needed.
#[derive(Debug)]
pub(super) struct Fleet {
    common: Arc<Common>,
    lines: Vec<Line>,
    /// How many there are whatever the number of addresses.
    least: usize,
    /// How many of `lines` are in use.
    active: AtomicUsize,
    next: AtomicUsize,
    /// The generation of addresses that `active` stands for.
    seen: AtomicU64,
}

/// The head of an answer, and what its body is read from.
pub(super) struct Answer {
    pub(super) head: Parts,
    pub(super) tail: RecvStream,
    /// The request is under way until this is dropped.
    _underway: Underway,
}

/// How an exchange ended without an answer.
enum Failed {
    /// The server has surely not looked at it.
    Untouched(String),
    /// The server may have looked at it.
    Broken(CallError),
    /// The server wants HTTP/1.1 (RFC 9113, section 7, HTTP_1_1_REQUIRED).
    Older,
}

impl Fleet {
    /// At least `least` connections; more where the target is a name that has more addresses.
    pub(super) fn new(common: Arc<Common>, least: usize) -> Self {
        let least = least.max(1);
        let most = if common.dialer.addresses().is_name() {
            least.max(SPREAD)
        } else {
            least
        };
        Fleet {
            common,
            lines: (0..most).map(|_| Line::default()).collect(),
            least,
            active: AtomicUsize::new(least),
            next: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
        }
    }

    /// Sends the request that `make` makes the head of, and waits for the head of its answer.
    pub(super) async fn call(
        &self,
        make: impl Fn() -> Request<()>,
        body: Outgoing,
    ) -> Result<Answer, NoSeat> {
        let mut left = FRESH_STARTS;
        loop {
            let seat = self.seat().await?;
            match self.exchange(seat, make(), body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(Failed::Broken(error)) => return Err(NoSeat::Failed(error)),
                Err(Failed::Older) => return Err(NoSeat::Older(None)),
                Err(Failed::Untouched(why)) if left == 0 => {
                    return Err(NoSeat::Failed(CallError::unreachable(why)));
                }
                Err(Failed::Untouched(_)) => left -= 1,
            }
        }
    }

    /// Lets the connections go once the calls on them have ended.
    pub(super) fn close(&self) {
        self.lines.iter().for_each(Line::close);
    }

    async fn seat(&self) -> Result<Seat, NoSeat> {
        let generation = self.common.dialer.addresses().generation();
        if generation != self.seen.load(Ordering::Relaxed) {
            self.seen.store(generation, Ordering::Relaxed);
            self.spread();
        }
        let active = self.active.load(Ordering::Relaxed).max(1);
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % active;
        let Some(line) = self.lines.get(turn) else {
            return Err(NoSeat::Failed(CallError::unreachable("no connection")));
        };
        if let Some(seat) = line.live() {
            return Ok(seat);
        }
        let in_use: Vec<Address> = self.lines.iter().filter_map(Line::address).collect();
        match line.seat(&self.common, &in_use).await {
            // What cannot be opened is done without while there is another.
            Err(NoSeat::Failed(error)) => {
                let other = self.lines.iter().find_map(Line::live);
                other.ok_or(NoSeat::Failed(error))
            }
            outcome => outcome,
        }
    }

    /// Adapts the connections to the addresses: as many as there are addresses, within bounds; none to an address that is
    /// gone; and where one address has several while another that can be tried has none, one fewer. What is let go ends once
    /// the requests on it have ended, and what is missing is opened by the next request whose turn it is.
    fn spread(&self) {
        let addresses = self.common.dialer.addresses().active();
        if addresses.is_empty() {
            return;
        }
        let active = addresses.len().min(self.lines.len()).max(self.least);
        self.active.store(active, Ordering::Relaxed);
        let most = active.div_ceil(addresses.len());
        let goes_to = |line: &Line, to: &Address| line.address().as_ref() == Some(to);
        let count = |to: &Address| self.lines.iter().filter(|line| goes_to(line, to)).count();
        let mut unused = addresses
            .iter()
            .filter(|(to, free)| *free && count(to) == 0)
            .count();
        for (place, line) in self.lines.iter().enumerate() {
            let Some(to) = line.address() else {
                continue;
            };
            let known = addresses.iter().any(|(address, _)| *address == to);
            let crowded = unused > 0 && count(&to) > most;
            if crowded {
                unused -= 1;
            }
            if place >= active || !known || crowded {
                line.close();
            }
        }
    }

    async fn exchange(&self, seat: Seat, request: Request<()>, body: Outgoing) -> Result<Answer, Failed> {
        let Seat { sender, pulse } = seat;
        let underway = pulse.begin();
        let untouched = |error: h2::Error| {
            pulse.leave();
            Failed::Untouched(words("the connection is closing", &error))
        };
        let mut sender = sender.ready().await.map_err(untouched)?;
        let end = bytes::Buf::remaining(&body) == 0;
        let (answer, mut stream) = sender.send_request(request, end).map_err(untouched)?;
        if !end {
            // What is wrong with the stream, if this fails, is told by its answer.
            let _ = stream.send_data(body, true);
        }
        let (head, tail) = await_head(answer, &underway).await?.into_parts();
        self.common.answered(&pulse);
        Ok(Answer {
            head,
            tail,
            _underway: underway,
        })
    }
}

async fn await_head(answer: ResponseFuture, underway: &Underway) -> Result<Response<RecvStream>, Failed> {
    answer.await.map_err(|error| {
        let closing = error.is_go_away() && error.is_remote();
        if closing {
            underway.pulse().leave();
        }
        let reason = error.reason().filter(|_| error.is_remote());
        match reason {
            Some(h2::Reason::HTTP_1_1_REQUIRED) => Failed::Older,
            Some(h2::Reason::REFUSED_STREAM) => turned_away(&error),
            _ if closing => turned_away(&error),
            _ => Failed::Broken(CallError::unreachable(words("no answer", &error))),
        }
    })
}

fn turned_away(error: &h2::Error) -> Failed {
    Failed::Untouched(words("the server turned the request away", error))
}
