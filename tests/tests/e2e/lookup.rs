//! A table that is replaced again and again, by good ones and by broken ones, while requests flow.

use crate::support::forebay::{ADMIN, RECEIVER};
use crate::support::{Client, Export, Forebay, Load, Scrape, Shape, Sink, eventually};
use forebay_core::Signal;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use tempfile::TempDir;

/// How many good tables there are after the first one.
const TABLES: u64 = 12;

const NODES: [&str; 2] = ["owners", "paths"];

fn config(table: &Table, sink: &Sink) -> String {
    let path = table.path();
    let path = path.display();
    format!(
        "{ADMIN}{RECEIVER}
        [processors.owners]
        type = \"lookup\"
        table = {{ path = \"{path}\" }}
        key = [{{ attribute = \"service.name\", column = \"service\" }}]
        attributes = [{{ column = \"one\", key = \"owner.one\" }}, {{ column = \"other\", key = \"owner.other\" }}]
        reload_interval = \"100ms\"
        [processors.paths]
        type = \"lookup\"
        level = \"item\"
        table = {{ path = \"{path}\" }}
        key = [
            {{ attribute = \"service.name\", level = \"resource\", column = \"service\" }},
            {{ attribute = \"url.path\", column = \"path\", match = \"prefix\" }},
        ]
        attributes = [{{ column = \"one\", key = \"path.one\" }}, {{ column = \"other\", key = \"path.other\" }}]
        reload_interval = \"100ms\"
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp\"]
        via = [\"owners\", \"paths\"]
        to = [\"backend\"]",
        sink.grpc()
    )
}

struct Table(TempDir);

impl Table {
    fn new() -> Self {
        let table = Table(TempDir::new().unwrap());
        table.put(&Table::good(0));
        table
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("owners.csv")
    }

    fn put(&self, content: &str) {
        let beside = self.0.path().join("next");
        std::fs::write(&beside, content).unwrap();
        std::fs::rename(beside, self.path()).unwrap();
    }

    /// A table of so many rows and one. Both columns have its number.
    fn good(number: u64) -> String {
        let more = (0..number).map(|row| format!("service {row},/{row},none,none\n"));
        format!(
            "service,path,one,other\nshop,/,{number},{number}\n{}",
            more.collect::<String>()
        )
    }

    /// Tables that begin well.
    fn broken(number: u64) -> String {
        let good = Table::good(number);
        match number % 3 {
            0 => format!("{good}shop,/,again,again\n"),
            1 => format!("{good}short,row\n"),
            _ => format!("{good}\"never closed"),
        }
    }
}

/// The value of a metric at each of the lookups.
async fn at_each(admin: SocketAddr, metric: &str) -> [f64; 2] {
    let scrape = Scrape::of(admin).await.unwrap();
    NODES.map(|node| scrape.sum(metric, &[("node", node)]))
}

async fn until_each(forebay: &Forebay, metric: &str, expected: u64) {
    eventually(&format!("{metric} is {expected}"), async || {
        at_each(forebay.admin(), metric).await == [expected as f64; 2]
    })
    .await;
}

/// The numbers of the table that the attributes with these names tell, both of them.
fn told(attributes: &[KeyValue], names: [&str; 2]) -> u64 {
    let [one, other] = names.map(|name| {
        let found = attributes.iter().find(|attribute| attribute.key == name);
        match found.and_then(|attribute| attribute.value.clone()?.value) {
            Some(Value::StringValue(text)) => text.parse::<u64>().unwrap(),
            other => panic!("{name}: {other:?} among {attributes:?}"),
        }
    });
    assert_eq!(one, other, "a mix of two tables");
    one
}

/// The tables that the resources of a request were looked up in.
fn tables_of(request: &Export) -> Vec<u64> {
    let Export::Traces(request) = request else {
        panic!("{request:?}")
    };
    let mut tables = Vec::new();
    for resource in &request.resource_spans {
        let attributes = &resource.resource.as_ref().unwrap().attributes;
        tables.push(told(attributes, ["owner.one", "owner.other"]));
        let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
        let of_spans: Vec<u64> = spans
            .map(|span| told(&span.attributes, ["path.one", "path.other"]))
            .collect();
        assert!(
            of_spans.windows(2).all(|two| two[0] == two[1]),
            "one resource, two tables: {of_spans:?}"
        );
    }
    tables
}

#[tokio::test]
async fn a_table_is_replaced_under_load_and_no_request_is_refused() {
    let (table, sink) = (Table::new(), Sink::start());
    let forebay = Forebay::start(&config(&table, &sink)).await;
    let shape = Shape {
        items: 3,
        padding: 0,
        signals: &[Signal::Traces],
    };
    let load = Load::start((0..4).map(|_| Client::grpc(forebay.grpc())), shape);
    load.until_taken(20).await;
    for number in 1..=TABLES {
        table.put(&Table::broken(number));
        until_each(&forebay, "forebay_lookup_load_failures_total", number).await;
        table.put(&Table::good(number));
        until_each(&forebay, "forebay_lookup_rows", number + 1).await;
        load.until_taken(load.taken() + 8).await;
    }
    let outcome = load.finish().await;
    assert_eq!(
        (outcome.refusals.len(), outcome.broken),
        (0, 0),
        "{:?}",
        outcome.refusals
    );
    sink.until("everything arrives", |taken| taken.has_all(&outcome.taken))
        .await;
    let tables: Vec<u64> = sink.read(|taken| taken.requests.iter().flat_map(tables_of).collect());
    for number in 0..=TABLES {
        assert!(
            tables.contains(&number),
            "table {number} was never used: {tables:?}"
        );
    }
    let items = outcome.taken.len() as f64;
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    let hits = |node| {
        scrape.sum(
            "forebay_lookup_lookups_total",
            &[("node", node), ("outcome", "hit")],
        )
    };
    assert_eq!([hits("owners"), hits("paths")], [items / 3.0, items]);
    scrape.assert_balanced();
}

#[tokio::test]
async fn a_table_that_cannot_be_used_is_no_start_and_says_its_line() {
    let (table, sink) = (Table::new(), Sink::start());
    table.put(&Table::broken(1));
    let ended = Forebay::spawn(&config(&table, &sink)).end().await;
    assert!(!ended.status.success());
    let log = ended.log.join("\n");
    assert!(
        log.contains("line 4: the row has 2 fields, and the first line has 4"),
        "{log}"
    );
}
