use super::Printer;
use super::config::{DebugConfig, Verbosity};
use super::output::Output;
use super::page::page;
use super::sampling::{Hidden, Sampling};
use crate::testing::{Rig, logs_request, metrics_request, payload, prepare, trace_payload};
use bytes::Bytes;
use forebay_core::component::{Receipt, Request};
use forebay_core::settings::Count;
use forebay_core::{Payload, Signal, Time};
use forebay_testkit::{SimulatedClock, requests};
use std::io::{PipeReader, Read};
use std::time::Duration;

fn request(signal: Signal, payload: Payload, items: u64) -> Request {
    Request {
        signal,
        payload,
        items,
    }
}

fn shown(signal: Signal, payload: Payload, verbosity: Verbosity) -> String {
    page(
        &request(signal, payload, 3),
        Hidden::default(),
        verbosity,
        1 << 16,
    )
}

fn shop(signal: Signal) -> Payload {
    requests::encoded(signal, 0, 3).into()
}

/// A printer into a pipe, started on `clock`.
fn piped(config: DebugConfig, clock: &SimulatedClock) -> (Rig, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let printer = Printer::new(config, Output::new(writer.into(), Duration::from_millis(20)));
    (Rig::with(Box::new(printer), clock.clock()).unwrap(), reader)
}

async fn rest(reader: PipeReader) -> String {
    let read = |mut reader: PipeReader| {
        let mut text = String::new();
        reader.read_to_string(&mut text).map(|_| text)
    };
    tokio::task::spawn_blocking(move || read(reader))
        .await
        .unwrap()
        .unwrap()
}

#[test]
fn one_line_sums_a_request_up() {
    assert_eq!(
        shown(Signal::Traces, shop(Signal::Traces), Verbosity::Basic),
        "traces: 3 spans in 1 resource, 380 bytes; services \"shop\"; \
         \"GET /items/0\", \"GET /items/1\", \"GET /items/2\"\n"
    );
    let metrics = shown(Signal::Metrics, shop(Signal::Metrics), Verbosity::Basic);
    assert!(
        metrics.starts_with("metrics: 3 data points in 1 resource,"),
        "{metrics}"
    );
    assert!(metrics.ends_with("services \"shop\"; \"stock\"\n"), "{metrics}");
    let logs = shown(Signal::Logs, shop(Signal::Logs), Verbosity::Basic);
    assert!(logs.ends_with("services \"shop\"; \"item sold\"\n"), "{logs}");
}

#[test]
fn normal_has_a_line_for_each_item() {
    let lines = |signal| shown(signal, shop(signal), Verbosity::Normal);
    let traces = lines(Signal::Traces);
    assert_eq!(traces.lines().count(), 4);
    assert!(
        traces.contains(
            "  \"GET /items/2\" trace 07070707070707070000000000000002 span 0000000000000003 took 900ns\n"
        ),
        "{traces}"
    );
    assert!(lines(Signal::Metrics).contains("  \"stock\" 3 points, unit \"\"\n"));
    assert!(lines(Signal::Logs).contains("  severity 9 \"INFO\" \"item sold\"\n"));
}

#[test]
fn detailed_has_every_field() {
    for (signal, field) in [
        (Signal::Traces, "url.path: \"/items\""),
        (Signal::Metrics, "shelf: \"2\""),
        (Signal::Logs, "item: \"2\""),
    ] {
        let text = shown(signal, shop(signal), Verbosity::Detailed);
        assert!(text.contains(field), "{text}");
        assert!(text.ends_with('\n'));
    }
}

#[test]
fn the_output_is_bounded_and_says_so() {
    for signal in Signal::ALL {
        let many = requests::encoded(signal, 0, 1000);
        for verbosity in [Verbosity::Basic, Verbosity::Normal, Verbosity::Detailed] {
            for max in [256, 1000, 5000] {
                let many = request(signal, many.clone().into(), 1000);
                let text = page(&many, Hidden::default(), verbosity, max);
                assert!(text.len() <= max, "{} > {max}", text.len());
                assert!(text.ends_with('\n'));
                if verbosity == Verbosity::Detailed {
                    assert!(text.ends_with("(truncated)\n"), "{text}");
                }
            }
        }
    }
}

#[test]
fn telemetry_cannot_move_the_cursor() {
    let span = opentelemetry_proto::tonic::trace::v1::Span {
        name: "\u{1b}[2Jgone\n".to_owned(),
        ..Default::default()
    };
    let request = payload(&requests::traces(vec![span]));
    for verbosity in [Verbosity::Basic, Verbosity::Normal, Verbosity::Detailed] {
        let text = shown(Signal::Traces, request.clone(), verbosity);
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_said_and_nothing_panics() {
    for signal in Signal::ALL {
        let whole = requests::encoded(signal, 0, 3);
        for cut in 0..whole.len() {
            for verbosity in [Verbosity::Basic, Verbosity::Normal, Verbosity::Detailed] {
                let text = shown(signal, whole.slice(..cut).into(), verbosity);
                assert!(text.starts_with(signal.as_str()) && text.ends_with('\n'));
            }
        }
    }
    let text = shown(
        Signal::Logs,
        Bytes::from_static(b"\xff").into(),
        Verbosity::Normal,
    );
    assert!(text.contains("cannot be read"), "{text}");
}

#[test]
fn the_first_of_each_second_and_every_so_many_of_the_rest_are_shown() {
    let mut sampling = Sampling::new(Count(2), Count(3));
    let mut at = |millis: u64| {
        sampling
            .show(Time(Duration::from_millis(millis)), 10)
            .map(|h| h.requests)
    };
    let first: Vec<Option<u64>> = (0..9).map(&mut at).collect();
    assert_eq!(
        first,
        [Some(0), Some(0), None, None, Some(2), None, None, Some(2), None]
    );
    assert_eq!(at(1000), Some(1), "a new second");
    let mut none = Sampling::new(Count(1), Count(0));
    let shown = (0..100)
        .filter(|_| none.show(Time::default(), 1).is_some())
        .count();
    assert_eq!(shown, 1);
    assert_eq!(
        none.take_hidden(),
        Hidden {
            requests: 99,
            items: 99
        }
    );
}

#[tokio::test]
async fn what_was_not_printed_is_counted_up_to_the_end() {
    let clock = SimulatedClock::default();
    let config = DebugConfig {
        sampling_initial: Count(1),
        ..DebugConfig::default()
    };
    let (rig, reader) = piped(config, &clock);
    for _ in 0..4 {
        assert_eq!(
            rig.send(Signal::Traces, trace_payload(1)).await,
            Ok(Receipt::default())
        );
    }
    clock.advance(Duration::from_secs(1));
    rig.send(Signal::Logs, payload(&logs_request())).await.unwrap();
    rig.send(Signal::Metrics, payload(&metrics_request()))
        .await
        .unwrap();
    rig.close().await;
    let text = rest(reader).await;
    let starts: Vec<&str> = text.lines().map(|line| &line[..9]).collect();
    assert_eq!(
        starts,
        ["traces: 1", "... 3 req", "logs: 1 l", "... 1 req"],
        "{text}"
    );
}

#[tokio::test]
async fn a_reader_that_is_gone_costs_no_data() {
    let clock = SimulatedClock::default();
    let (rig, reader) = piped(DebugConfig::default(), &clock);
    drop(reader);
    for _ in 0..3 {
        assert_eq!(
            rig.send(Signal::Traces, trace_payload(1)).await,
            Ok(Receipt::default())
        );
    }
    rig.close().await;
}

#[test]
fn a_reader_that_does_not_read_is_not_waited_for_twice() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut output = Output::new(writer.into(), Duration::from_millis(20));
    let page = format!("{}\n", "x".repeat(99_999));
    let stuck = output.print(&page).unwrap_err();
    assert_eq!(stuck.kind(), std::io::ErrorKind::TimedOut);
    for _ in 0..1000 {
        assert_eq!(
            output.print(&page).unwrap_err().kind(),
            std::io::ErrorKind::TimedOut
        );
    }
    let mut piece = vec![0; 1 << 16];
    reader.read_exact(&mut piece).unwrap();
    output.print("again\n").unwrap();
    drop(output);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "\nagain\n", "a torn line is ended first");
}

#[test]
fn an_output_limit_out_of_range_is_refused() {
    for limit in ["10B", "1GiB"] {
        let found = prepare("debug", &format!("max_output_bytes = \"{limit}\"")).unwrap_err();
        assert!(found[0].message.contains("max_output_bytes"), "{found:?}");
    }
}
