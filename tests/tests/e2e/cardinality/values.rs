//! Spans and log records: their names and values stay few, and nothing else about them changes.

use super::{balanced, config_for, ended};
use crate::support::spans::insist;
use crate::support::{Client, Export, Forebay, Sink};
use forebay_core::Signal;
use forebay_testkit::requests::attribute;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeSet;

fn spans(export: &Export) -> Vec<&Span> {
    let Export::Traces(request) = export else {
        panic!("not spans: {export:?}")
    };
    let scopes = request.resource_spans.iter().flat_map(|each| &each.scope_spans);
    scopes.flat_map(|scope| &scope.spans).collect()
}

fn records(export: &mut Export) -> Vec<&mut LogRecord> {
    let Export::Logs(request) = export else {
        panic!("not log records: {export:?}")
    };
    let scopes = request
        .resource_logs
        .iter_mut()
        .flat_map(|each| &mut each.scope_logs);
    scopes.flat_map(|scope| &mut scope.log_records).collect()
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text),
        other => panic!("{key} is no text: {other:?}"),
    }
}

/// What a span is, apart from its name and the attribute that keeps it.
fn rest(span: &Span) -> Span {
    let mut rest = span.clone();
    rest.name.clear();
    rest.attributes
        .retain(|attribute| attribute.key != "name.original");
    rest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_in_the_names_of_spans_become_placeholders_and_what_they_were_is_kept() {
    let sink = Sink::start();
    let limits = "spans.names = { template = true, original = \"name.original\" }";
    let forebay = Forebay::start(&config_for(&sink, limits, "traces")).await;
    let client = Client::grpc(forebay.grpc());
    let sent = Export::numbered(Signal::Traces, 1..401);
    insist(&client, &sent).await;
    sink.read(|taken| {
        let left = spans(&taken.requests[0]);
        for (came, left) in spans(&sent).into_iter().zip(&left) {
            assert_eq!(rest(came), rest(left));
            let was = (came.name != left.name).then_some(came.name.as_str());
            assert_eq!(text(&left.attributes, "name.original"), was);
        }
        let names: BTreeSet<_> = left.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, BTreeSet::from(["GET /health", "GET /items/{id}"]));
    });
    let scrape = balanced(&forebay).await;
    assert_eq!((ended(&scrape, "left"), ended(&scrape, "folded")), (400.0, 0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_spans_are_as_many_as_the_limit_says() {
    let sink = Sink::start();
    let forebay = Forebay::start(&config_for(&sink, "spans.names = { limit = 10 }", "traces")).await;
    let client = Client::grpc(forebay.grpc());
    for first in [1, 101, 1] {
        insist(&client, &Export::numbered(Signal::Traces, first..first + 100)).await;
    }
    sink.read(|taken| {
        let names = |export| -> BTreeSet<_> { spans(export).iter().map(|span| span.name.clone()).collect() };
        let first = names(&taken.requests[0]);
        assert_eq!(first.len(), 11, "{first:?}");
        assert!(
            first.contains("__overflow__") && first.contains("GET /health"),
            "{first:?}"
        );
        assert_eq!(
            names(&taken.requests[1]),
            BTreeSet::from(["GET /health".to_owned(), "__overflow__".to_owned()])
        );
        // Those that were first have kept their places.
        assert_eq!(names(&taken.requests[2]), first);
    });
    balanced(&forebay).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_chosen_attributes_of_log_records_are_limited() {
    let sink = Sink::start();
    let limits = "logs.attributes = [{ key = \"session.id\", limit = 5, original = \"session.was\" }]";
    let forebay = Forebay::start(&config_for(&sink, limits, "logs")).await;
    let client = Client::grpc(forebay.grpc());
    let mut sent = Export::numbered(Signal::Logs, 1..51);
    for (number, record) in records(&mut sent).into_iter().enumerate() {
        let attributes = &mut record.attributes;
        attributes.push(attribute("session.id", &format!("s-{number}")));
        attributes.push(attribute("user.id", &format!("u-{number}")));
    }
    insist(&client, &sent).await;
    let mut left = sink.read(|taken| taken.requests[0].clone());
    for (number, record) in records(&mut left).into_iter().enumerate() {
        let (session, was) = (format!("s-{number}"), text(&record.attributes, "session.was"));
        let expected = if number < 5 {
            (session.as_str(), None)
        } else {
            ("__overflow__", Some(session.as_str()))
        };
        assert_eq!((text(&record.attributes, "session.id").unwrap(), was), expected);
        assert_eq!(
            text(&record.attributes, "user.id"),
            Some(format!("u-{number}").as_str())
        );
    }
    balanced(&forebay).await;
}
