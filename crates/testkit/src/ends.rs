//! In-memory ends: a receiver that tests feed, an exporter that answers as tests say and keeps what it got.

use crate::requests;
use forebay_core::balanced::BuiltExporter;
use forebay_core::component::{
    Acknowledge, Arrival, BuiltProcessor, ExportError, Exporter, ListenAddress, NodeContext, Receipt,
    Receiver, ReceiverContext, Request,
};
use forebay_core::registry::{
    Bounds, ExporterDeclaration, Prepared, PreparedExporter, PreparedProcessor, PreparedReceiver,
    ProcessorDeclaration, ReceiverDeclaration,
};
use forebay_core::settings::DeliverySettings;
use forebay_core::{ComponentError, Delivery, Lease, Origin, Payload, Signal, SignalSet};
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A receiver without sockets.
#[derive(Debug)]
pub struct FakeReceiver {
    context: oneshot::Sender<ReceiverContext>,
}

/// The test's hand on a [`FakeReceiver`].
#[derive(Debug)]
pub struct Feed {
    /// The receiver's context.
    pub context: ReceiverContext,
    /// When the feeder is told that all is well.
    pub acknowledge: Acknowledge,
}

impl FakeReceiver {
    /// A receiver, and where its context can be had once it runs.
    pub fn new() -> (Self, oneshot::Receiver<ReceiverContext>) {
        let (context, handed) = oneshot::channel();
        (FakeReceiver { context }, handed)
    }
}

impl Receiver for FakeReceiver {
    fn bind(&mut self) -> Result<Vec<ListenAddress>, ComponentError> {
        Ok(Vec::new())
    }

    fn run(self: Box<Self>, context: ReceiverContext) -> BoxFuture<'static, Result<(), ComponentError>> {
        let shutdown = context.node.shutdown.clone();
        // A test that does not want it has dropped the other end.
        let _ = self.context.send(context);
        Box::pin(async move {
            shutdown.draining().await;
            Ok(())
        })
    }
}

impl Feed {
    /// A feed that waits for delivery.
    pub fn new(context: ReceiverContext) -> Self {
        Feed {
            context,
            acknowledge: Acknowledge::Delivered,
        }
    }

    /// Feeds a request of `items` items and gives the future of its answer, once it is on its way.
    pub async fn send(&self, signal: Signal, first: u64, items: u64) -> Delivery {
        let payload = Payload::from(requests::encoded(signal, first, items));
        let lease = self
            .context
            .admit(payload.len() as u64)
            .unwrap_or_else(|_| Lease::none());
        let origin = Arc::new(Origin::default());
        let acknowledge = self.acknowledge;
        let arrival = Arrival {
            signal,
            payload,
            items,
            lease,
            origin,
            acknowledge,
        };
        let (batch, delivery) = self.context.receive(arrival);
        self.context.send(batch).await;
        delivery
    }
}

/// What a [`FakeExporter`] does with an attempt.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Takes it.
    Take,
    /// Takes it, but says that so many items are rejected.
    Reject(u64),
    /// Fails.
    Fail(ExportError),
    /// Panics.
    Panic,
    /// Never answers.
    Hang,
}

#[derive(Debug)]
struct Ends {
    script: Mutex<VecDeque<Answer>>,
    default: Mutex<Answer>,
    taken: Mutex<Vec<Request>>,
    attempts: watch::Sender<u64>,
}

/// An exporter that answers as it is told and keeps what it took. Clones are the same.
#[derive(Clone, Debug)]
pub struct FakeExporter(Arc<Ends>);

impl FakeExporter {
    /// An exporter that gives each attempt `default`.
    pub fn new(default: Answer) -> Self {
        FakeExporter(Arc::new(Ends {
            script: Mutex::default(),
            default: Mutex::new(default),
            taken: Mutex::default(),
            attempts: watch::channel(0).0,
        }))
    }

    /// Gives the next attempts these answers.
    pub fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.0.script).extend(answers);
    }

    /// Gives every later attempt this answer.
    pub fn from_now_on(&self, answer: Answer) {
        *lock(&self.0.default) = answer;
    }

    /// What it took.
    pub fn taken(&self) -> Vec<Request> {
        lock(&self.0.taken).clone()
    }

    /// Items that it took.
    pub fn items(&self) -> u64 {
        lock(&self.0.taken).iter().map(|request| request.items).sum()
    }

    /// Attempts so far.
    pub fn attempted(&self) -> u64 {
        *self.0.attempts.borrow()
    }

    /// Ready once there were `count` attempts.
    pub async fn attempts(&self, count: u64) {
        let mut attempts = self.0.attempts.subscribe();
        // The sender lives as long as this exporter.
        let _ = attempts.wait_for(|attempts| *attempts >= count).await;
    }
}

impl Exporter for FakeExporter {
    fn start(&self, _: &NodeContext) -> Result<(), ComponentError> {
        Ok(())
    }

    #[expect(clippy::panic, reason = "panicking when told to is what it is for")]
    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        Box::pin(async move {
            let scripted = lock(&self.0.script).pop_front();
            let answer = scripted.unwrap_or_else(|| lock(&self.0.default).clone());
            self.0.attempts.send_modify(|attempts| *attempts += 1);
            let rejected_items = match answer {
                Answer::Take => 0,
                Answer::Reject(items) => items,
                Answer::Fail(error) => return Err(error),
                Answer::Panic => panic!("told to"),
                Answer::Hang => std::future::pending().await,
            };
            lock(&self.0.taken).push(request.clone());
            Ok(Receipt {
                rejected_items,
                message: None,
            })
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A receiver as a blueprint wants it.
pub fn prepared_receiver(receiver: FakeReceiver) -> PreparedReceiver {
    Prepared {
        declaration: ReceiverDeclaration {
            signals: SignalSet::ALL,
            acknowledge: Acknowledge::Delivered,
            bounds: Bounds::default(),
        },
        resolved: Default::default(),
        build: Box::new(move || Ok(Box::new(receiver) as Box<dyn Receiver>)),
    }
}

/// An exporter as a blueprint wants it.
pub fn prepared_exporter(exporter: FakeExporter, delivery: DeliverySettings) -> PreparedExporter {
    Prepared {
        declaration: ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery,
            bounds: Bounds::default(),
            takes_custody: false,
        },
        resolved: Default::default(),
        build: Box::new(move || Ok(BuiltExporter::Single(Box::new(exporter)))),
    }
}

/// A processor as a blueprint wants it.
pub fn prepared_processor(stateful: bool, processor: BuiltProcessor) -> PreparedProcessor {
    let declaration = ProcessorDeclaration {
        inputs: SignalSet::ALL,
        main_port: None,
        ports: Vec::new(),
        bounds: Bounds::default(),
        memory: None,
        stateful,
        takes_custody: false,
    };
    Prepared {
        declaration,
        resolved: Default::default(),
        build: Box::new(move |_| Ok(processor)),
    }
}
