//! Passing a batch on, whether or not its sender stays to hear of it.

use super::door::Door;
use forebay_core::{Batch, Tasks};
use futures_util::future::BoxFuture;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Moves one batch on. When a client gives up, its request is dropped where it waits; a batch that waits for room then is
/// no longer the request's to lose, so it goes on as a task of its own. It stays bounded: it holds its lease.
pub(super) struct Pass {
    sending: Option<BoxFuture<'static, ()>>,
    tasks: Tasks,
}

impl Pass {
    pub(super) fn new(door: Arc<Door>, batch: Batch) -> Self {
        let tasks = door.context.node.tasks.clone();
        let sending = Box::pin(async move { door.context.send(batch).await });
        Pass {
            sending: Some(sending),
            tasks,
        }
    }
}

impl Future for Pass {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(sending) = &mut self.sending {
            ready!(sending.as_mut().poll(context));
            self.sending = None;
        }
        Poll::Ready(())
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(sending) = self.sending.take() {
            self.tasks.spawn("pass", sending);
        }
    }
}
