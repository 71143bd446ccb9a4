//! Tables that change, and what is handed over.

use super::super::Lookup;
use super::super::config::LookupConfig;
use super::{nested, pair};
use crate::testing::{self, Decoded};
use forebay_core::component::{Processor, ProcessorContext};
use forebay_core::ledger::Ledger;
use forebay_core::{Clock, Condition, Phase, ShutdownTrigger, Signal, Spawn, Tasks};
use forebay_testkit::{SimulatedClock, processor_context};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinSet;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct TestTasks(Mutex<JoinSet<()>>);

impl Spawn for TestTasks {
    fn spawn(&self, _: &'static str, task: Task) {
        self.0.lock().unwrap().spawn(task);
    }
}

fn context() -> (ProcessorContext, ShutdownTrigger) {
    let (trigger, shutdown) = ShutdownTrigger::new();
    let mut context = processor_context(&Ledger::new(1), &SimulatedClock::default(), 0, 1 << 26);
    context.node.clock = Clock::system();
    context.node.tasks = Tasks::new(Arc::new(TestTasks::default()));
    context.node.shutdown = shutdown;
    context.node.health.working();
    (context, trigger)
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < patience, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn config(path: &Path, more: &str) -> LookupConfig {
    let text = format!(
        "{more}\nreload_interval = \"100ms\"\ntable.path = \"{}\"\nkey = [{{ attribute = \"k\", column = \"k\" }}]\n\
         attributes = [{{ column = \"v\" }}]\n",
        path.display()
    );
    toml::from_str(&text).unwrap()
}

/// A table in a folder of its own.
struct Table(TempDir);

impl Table {
    fn new(content: &str) -> Self {
        let table = Table(TempDir::new().unwrap());
        table.put(content);
        table
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("table.csv")
    }

    fn put(&self, content: &str) {
        let beside = self.0.path().join("new");
        std::fs::write(&beside, content).unwrap();
        std::fs::rename(beside, self.path()).unwrap();
    }
}

fn started(config: LookupConfig, context: &ProcessorContext) -> Lookup {
    let lookup = Lookup::new(config);
    lookup.start(context).unwrap();
    lookup
}

/// What is put in where `a` is looked up.
fn found(lookup: &Lookup) -> Option<String> {
    let request = nested(vec![pair("k", "a")], Vec::new(), Vec::new());
    let outcome = testing::pass(lookup, Arc::default(), Signal::Traces, &[request.encode()]);
    let (payload, _) = outcome.emitted.unwrap();
    let Decoded::Traces(after) = Decoded::decode(Signal::Traces, &payload.contiguous()) else {
        panic!("not traces")
    };
    let attributes = after.resource_spans[0].resource.clone()?.attributes;
    match attributes.get(1)?.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_table_that_changes_is_taken_into_use_and_a_broken_one_is_not() {
    let table = Table::new("k,v\na,1\n");
    let (context, trigger) = context();
    let lookup = started(config(&table.path(), ""), &context);
    let state = Arc::clone(lookup.state.get().unwrap());
    assert_eq!(found(&lookup).as_deref(), Some("1"));

    table.put("k,v\na,2\nb,3\n");
    until("the second table", || context.node.reloads.taken() == 1).await;
    assert_eq!(
        (found(&lookup).as_deref(), state.table().table.rows()),
        (Some("2"), 2)
    );

    table.put("k,v\na\n");
    until("the failure", || state.failures() == 1).await;
    until("the complaint", || {
        context.node.health.condition() != Condition::Working
    })
    .await;
    let Condition::Degraded(words) = context.node.health.condition() else {
        panic!("not degraded")
    };
    assert!(words.contains("line 2: the row has 1 fields"), "{words}");
    assert_eq!(found(&lookup).as_deref(), Some("2"));

    table.put("k,v\na,4\n");
    until("the third table", || context.node.reloads.taken() == 2).await;
    assert_eq!(found(&lookup).as_deref(), Some("4"));
    until("the mending", || {
        context.node.health.condition() == Condition::Working
    })
    .await;
    assert_eq!(state.failures(), 1);
    trigger.advance(Phase::Draining);
}

#[tokio::test]
async fn a_table_is_handed_over_to_whoever_makes_it_in_the_same_way() {
    let table = Table::new("k,v\na,1\n");
    let (mut context, trigger) = context();
    let lookup = started(config(&table.path(), ""), &context);
    found(&lookup);
    let mine = lookup.state.get().unwrap();
    context.predecessor = lookup.hand_over();
    let same = started(config(&table.path(), "override = true"), &context);
    assert!(Arc::ptr_eq(same.state.get().unwrap(), mine));
    let other = started(config(&table.path(), "duplicates = \"last\""), &context);
    assert!(!Arc::ptr_eq(other.state.get().unwrap(), mine));
    trigger.advance(Phase::Draining);
}

#[test]
fn a_table_that_cannot_be_used_is_no_start() {
    let table = Table::new("k,v\na,1\na,2\n");
    let (context, _) = context();
    let started = Lookup::new(config(&table.path(), "")).start(&context);
    let words = started.unwrap_err().to_string();
    assert!(words.starts_with("`table.path` ("), "{words}");
    assert!(
        words.contains("the key `a` is in line 2 and again in line 3"),
        "{words}"
    );
}
