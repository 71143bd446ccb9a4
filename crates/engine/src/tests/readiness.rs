use super::bench::built;
use forebay_core::component::{BuiltProcessor, Processor};
use forebay_core::{Batch, Clock, Condition, Outputs};
use forebay_testkit::FakeReceiver;
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// Has to be told something before data may come.
struct Asks(Mutex<Option<oneshot::Receiver<()>>>);

impl Processor for Asks {
    fn ready(&self) -> Option<BoxFuture<'static, ()>> {
        let told = self.0.lock().unwrap().take()?;
        Some(Box::pin(async move {
            let _ = told.await;
        }))
    }

    fn process(&self, batch: Batch, out: &mut Outputs) {
        out.emit(batch);
    }
}

fn asking() -> (oneshot::Sender<()>, (bool, BuiltProcessor)) {
    let (tell, told) = oneshot::channel();
    let asks = Arc::new(Asks(Mutex::new(Some(told))));
    (tell, (false, BuiltProcessor::Stateless(asks)))
}

#[tokio::test]
async fn receivers_take_nothing_in_until_all_processors_are_ready() {
    let (receiver, mut context) = FakeReceiver::new();
    let ((first, one), (second, other)) = (asking(), asking());
    let running = built(receiver, vec![one, other], Vec::new())
        .start(Clock::system())
        .unwrap();
    let health = running.nodes[0].health.clone();
    first.send(()).unwrap();
    tokio::task::yield_now().await;
    assert!(context.try_recv().is_err(), "one of two is ready");
    assert_eq!(health.condition(), Condition::Starting);
    assert!(!running.ready());
    second.send(()).unwrap();
    context.await.unwrap();
    assert_eq!(health.condition(), Condition::Working);
    assert!(running.ready());
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_what_is_not_known_yet() {
    let (receiver, _context) = FakeReceiver::new();
    let (_never, asks) = asking();
    let running = built(receiver, vec![asks], Vec::new())
        .start(Clock::system())
        .unwrap();
    assert!(running.drain(Duration::from_secs(10)).await.in_time);
}
