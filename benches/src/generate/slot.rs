//! One request in flight: takes the next, sends it, books the answer, sends again where that is wanted.

use super::Shared;
use super::answer::Answer;
use super::link::Link;
use super::pace::Ticket;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The pause before another attempt when the answer asks for none; doubles up to [`BACKOFF_MAX`].
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

pub(super) async fn run(shared: Arc<Shared>, link: Arc<Link>) {
    while let Some(ticket) = shared.pace.next().await {
        match shared.bodies.body(ticket.sequence) {
            Ok(body) => deliver(&shared, &link, ticket, body).await,
            Err(_) => shared.books.failed("no body"),
        }
    }
}

async fn deliver(shared: &Shared, link: &Link, ticket: Ticket, body: Bytes) {
    shared.books.sent(body.len());
    let mut backoff = BACKOFF_MIN;
    let give_up = ticket.due + shared.options.retry_for;
    loop {
        let attempt = tokio::time::timeout(shared.options.timeout, link.send(body.clone()));
        let answer = attempt.await.unwrap_or(Answer::Failed("timeout"));
        let pause = match &answer {
            Answer::Acknowledged { rejected } => {
                shared
                    .books
                    .acknowledged(ticket.sequence, *rejected, ticket.due.elapsed());
                return;
            }
            Answer::Refused(refusal) => {
                shared.books.refused(refusal);
                refusal.retryable.then(|| refusal.delay.unwrap_or(backoff))
            }
            Answer::Failed(why) => {
                shared.books.failed(why);
                Some(backoff)
            }
        };
        let retry = pause.filter(|pause| shared.options.retry && Instant::now() + *pause < give_up);
        let Some(pause) = retry else {
            shared.books.given_up();
            // Without a server, connecting in a loop would only burn CPU.
            if matches!(answer, Answer::Failed(_)) && !shared.pace.stopped() {
                tokio::time::sleep(BACKOFF_MIN).await;
            }
            return;
        };
        tokio::time::sleep(pause).await;
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}
