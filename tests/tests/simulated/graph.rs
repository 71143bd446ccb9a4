//! A receiver that is fed, the engine, and a real OTLP exporter over a simulated network, under simulated time.

use super::network::SimulatedNetwork;
use forebay_core::balanced::BuiltExporter;
use forebay_core::component::{ComponentError, ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::registry::ExporterFactory;
use forebay_core::settings::DeliverySettings;
use forebay_core::{Balance, Clock, NodeId, Place, Port, SignalSet, Source, Time, TimeSource};
use forebay_engine::{Blueprint, BoundsSum, Component, EdgePlan, NodePlan, QueuePlan, Role, Running};
use forebay_exporter::otlp_grpc::{self, OtlpGrpc};
use forebay_exporter::otlp_http::{self, OtlpHttp};
use forebay_testkit::{Answer, FakeExporter, FakeReceiver, Feed, prepared_exporter, prepared_receiver};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// The memory budget.
const BUDGET: u64 = 64 << 20;

/// Tokio's own time, which stands still while anything can run and jumps to the next timer when nothing can.
struct PausedClock {
    began: Instant,
}

/// A clock that begins now. Needs a runtime whose time is paused.
pub(crate) fn clock() -> Clock {
    Clock::new(Arc::new(PausedClock {
        began: Instant::now(),
    }))
}

impl TimeSource for PausedClock {
    fn now(&self) -> Time {
        Time(self.began.elapsed())
    }

    fn unix_nanos(&self) -> u64 {
        1_700_000_000_000_000_000 + u64::try_from(self.now().0.as_nanos()).unwrap()
    }

    fn sleep_until(&self, until: Time) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(self.began + until.0))
    }
}

/// The graph at work.
pub(crate) struct Graph {
    pub(crate) running: Running,
    pub(crate) feed: Feed,
    /// Every attempt, in the order of their ends.
    pub(crate) attempts: Arc<Mutex<Vec<Attempt>>>,
}

/// One attempt of the exporter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// When it began.
    pub(crate) began: Instant,
    /// When it had an outcome.
    pub(crate) ended: Instant,
    /// Whether the destination answered with success.
    pub(crate) succeeded: bool,
}

/// Watches an exporter.
struct Watched {
    exporter: Box<dyn Exporter>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
}

impl Exporter for Watched {
    fn start(&self, context: &NodeContext) -> Result<(), ComponentError> {
        self.exporter.start(context)
    }

    fn export<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        Box::pin(async move {
            let attempt = Noted {
                began: Instant::now(),
                succeeded: false,
                attempts: &self.attempts,
            };
            attempt.through(self.exporter.export(request)).await
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        self.exporter.close()
    }
}

/// An attempt under way. It is noted when it is dropped: one that runs into its timeout is.
struct Noted<'a> {
    began: Instant,
    succeeded: bool,
    attempts: &'a Mutex<Vec<Attempt>>,
}

impl Noted<'_> {
    async fn through<E>(mut self, export: impl Future<Output = Result<Receipt, E>>) -> Result<Receipt, E> {
        let outcome = export.await;
        self.succeeded = outcome.is_ok();
        outcome
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.attempts.lock().unwrap().push(Attempt {
            began: self.began,
            ended: Instant::now(),
            succeeded: self.succeeded,
        });
    }
}

/// An exporter, not yet built, and how the engine is to deliver to it.
struct Exit {
    delivery: DeliverySettings,
    build: Box<dyn FnOnce() -> Result<Box<dyn Exporter>, ComponentError> + Send>,
}

impl Graph {
    /// Starts it with an exporter of `otlp_grpc` or `otlp_http` by its config.
    pub(crate) async fn start(config: &str, network: Arc<SimulatedNetwork>, is_grpc: bool) -> Graph {
        let exit = if is_grpc {
            let config = toml::from_str(config).unwrap();
            Exit {
                delivery: OtlpGrpc::declare(&config).delivery,
                build: Box::new(move || otlp_grpc::build_on(config, network)),
            }
        } else {
            let config = toml::from_str(config).unwrap();
            Exit {
                delivery: OtlpHttp::declare(&config).delivery,
                build: Box::new(move || otlp_http::build_on(config, network)),
            }
        };
        let (receiver, context) = FakeReceiver::new();
        let attempts: Arc<Mutex<Vec<Attempt>>> = Arc::default();
        let noted = Arc::clone(&attempts);
        let watched = Exit {
            delivery: exit.delivery,
            build: Box::new(move || {
                Ok(Box::new(Watched {
                    exporter: (exit.build)()?,
                    attempts: noted,
                }))
            }),
        };
        let built = blueprint(receiver, watched).build(1).unwrap();
        let running = built.start(clock()).unwrap();
        let feed = Feed::new(context.await.unwrap());
        Graph {
            running,
            feed,
            attempts,
        }
    }

    /// The books of the exporter. Asserts that every item is accounted for.
    pub(crate) fn books(&self) -> Balance {
        let books = self.running.accounts.read();
        let lost = books.iter().flatten().any(|balance| balance.unaccounted() != 0);
        assert!(!lost, "{books:#?}");
        Balance::sum(books[1].iter())
    }
}

fn blueprint(receiver: FakeReceiver, exit: Exit) -> Blueprint {
    let source = Arc::new(Source {
        name: "simulated".to_owned(),
        text: String::new(),
    });
    let place = Place { source, span: 0..0 };
    let mut exporter = prepared_exporter(FakeExporter::new(Answer::Take), exit.delivery);
    exporter.build = Box::new(move || (exit.build)().map(BuiltExporter::Single));
    let node = |name: &str, role, component| NodePlan {
        name: name.into(),
        role,
        kind: "simulated",
        place: place.clone(),
        component,
        signals: SignalSet::ALL,
    };
    let edge = EdgePlan {
        from: NodeId(0),
        port: Port::MAIN,
        to: NodeId(1),
        signals: SignalSet::ALL,
        place: place.clone(),
        queue: QueuePlan::default(),
    };
    Blueprint {
        nodes: vec![
            node(
                "in",
                Role::Receiver,
                Component::Receiver(prepared_receiver(receiver)),
            ),
            node("out", Role::Exporter, Component::Exporter(exporter)),
        ],
        edges: vec![edge],
        order: vec![NodeId(0), NodeId(1)],
        bounds: BoundsSum {
            budget: BUDGET,
            leasable: BUDGET / 10 * 7,
            reserved: Vec::new(),
            lines: Vec::new(),
            queue_default: 8 << 20,
        },
    }
}
