//! Generator, relay and sink in one process: every item arrives once, and the books of refusals are right.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use forebay_benches::compression::Compression;
use forebay_benches::generate::{Finished, GENERATOR, Generator, Options, Protocol};
use forebay_benches::relay::{self, Model, Relay, Work};
use forebay_benches::sink::{self, Condition, Mode, Sink};
use forebay_otlp::Signal;

fn verified_sink() -> Sink {
    Sink::start(&sink::Options::local(true)).unwrap()
}

fn options(endpoint: impl ToString) -> Options {
    Options {
        items: 20,
        connections: 3,
        in_flight: 2,
        requests: Some(50),
        sequence: true,
        ..Options::new(endpoint.to_string())
    }
}

fn generate(options: Options) -> Finished {
    Generator::start(options).unwrap().finish().unwrap()
}

fn assert_conserved(finished: &Finished, sink: &Sink) {
    assert_eq!(finished.report.items_acknowledged, 1000, "{:?}", finished.report);
    assert_eq!(finished.report.requests_given_up, 0);
    let verified = sink.stats().verified.unwrap();
    let counts = (
        verified.distinct,
        verified.duplicates,
        verified.gaps,
        verified.unmarked,
    );
    assert_eq!(counts, (1000, 0, 0, 0));
    assert_eq!(
        sink.missing(GENERATOR, finished.acknowledged.iter(), finished.items),
        0
    );
}

#[test]
fn grpc_through_every_model_conserves_items() {
    for model in [Model::Inline, Model::Worker, Model::PerCore, Model::Queue] {
        let sink = verified_sink();
        let relay = relay::Options {
            model,
            work: Work::Count,
            ..relay::Options::grpc(sink.grpc.to_string())
        };
        let relay = Relay::start(&relay).unwrap();
        assert_conserved(&generate(options(relay.grpc.unwrap())), &sink);
    }
}

#[test]
fn every_signal_and_compression_over_grpc_conserves_items() {
    for signal in Signal::ALL {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let sink = verified_sink();
            let relay = relay::Options {
                compression,
                ..relay::Options::grpc(sink.grpc.to_string())
            };
            let relay = Relay::start(&relay).unwrap();
            let options = Options {
                signal,
                compression,
                ..options(relay.grpc.unwrap())
            };
            assert_conserved(&generate(options), &sink);
        }
    }
}

#[test]
fn http_protobuf_and_json_conserve_items() {
    for protocol in [Protocol::Http, Protocol::HttpJson] {
        for (signal, compression) in [
            (Signal::Traces, Compression::None),
            (Signal::Metrics, Compression::Zstd),
        ] {
            let sink = verified_sink();
            let relay = Relay::start(&relay::Options {
                listen: None,
                to: None,
                listen_http: Some(([127, 0, 0, 1], 0).into()),
                to_http: Some(sink.http.to_string()),
                ..relay::Options::grpc("")
            })
            .unwrap();
            let options = Options {
                signal,
                protocol,
                compression,
                ..options(relay.http.unwrap())
            };
            assert_conserved(&generate(options), &sink);
        }
    }
}

fn refused(protocol: Protocol, mode: Mode) -> Finished {
    let sink = verified_sink();
    sink.set_mode(mode);
    let endpoint = if protocol == Protocol::Grpc {
        sink.grpc
    } else {
        sink.http
    };
    let finished = generate(Options {
        protocol,
        ..options(endpoint)
    });
    assert_eq!(sink.stats().items, 0);
    assert_eq!(sink.stats().refused, 50);
    finished
}

#[test]
fn refusals_are_booked_by_code_with_their_delay() {
    let cases = [
        (Protocol::Grpc, 8, Some(20), "grpc 8", 50, 50),
        (Protocol::Grpc, 8, None, "grpc 8", 0, 0),
        (Protocol::Grpc, 14, None, "grpc 14", 50, 0),
        (Protocol::Grpc, 3, None, "grpc 3", 0, 0),
        (Protocol::Http, 429, Some(20), "http 429", 50, 50),
        (Protocol::Http, 503, None, "http 503", 50, 0),
        (Protocol::HttpJson, 400, None, "http 400", 0, 0),
    ];
    for (protocol, status, retry_delay_ms, code, retryable, with_delay) in cases {
        let mode = Mode {
            fail_ratio: 1.0,
            status: Some(status),
            retry_delay_ms,
            ..Mode::default()
        };
        let report = refused(protocol, mode).report;
        assert_eq!(report.items_acknowledged, 0);
        assert_eq!(report.requests_given_up, 50);
        assert_eq!(report.refusals.len(), 1, "{report:?}");
        let refusals = &report.refusals[code];
        assert_eq!(
            (refusals.attempts, refusals.retryable, refusals.with_delay),
            (50, retryable, with_delay)
        );
    }
}

#[test]
fn retries_deliver_everything_through_refusals() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let sink = verified_sink();
        sink.set_mode(Mode {
            fail_ratio: 0.3,
            retry_delay_ms: Some(1),
            status: Some(8),
            ..Mode::default()
        });
        let grpc = protocol == Protocol::Grpc;
        // Over HTTP a delay is at least a second, so that case asks for none.
        if !grpc {
            sink.set_mode(Mode {
                fail_ratio: 0.3,
                ..Mode::default()
            });
        }
        let endpoint = if grpc { sink.grpc } else { sink.http };
        let finished = generate(Options {
            protocol,
            retry: true,
            ..options(endpoint)
        });
        assert_conserved(&finished, &sink);
        let attempts: u64 = finished
            .report
            .refusals
            .values()
            .map(|refusals| refusals.attempts)
            .sum();
        assert_eq!(attempts, sink.stats().refused);
        assert!(attempts > 0);
    }
}

#[test]
fn a_sink_that_is_dead_for_a_while_answers_when_it_lives_again() {
    let sink = verified_sink();
    sink.set_mode(Mode {
        condition: Condition::Dead,
        for_ms: Some(50),
        ..Mode::default()
    });
    let finished = generate(options(sink.grpc));
    assert_conserved(&finished, &sink);
    assert_eq!(finished.report.failures.len(), 0);
}

#[test]
fn a_sink_that_refuses_connections_for_a_while_loses_nothing_with_retries() {
    let sink = verified_sink();
    sink.set_mode(Mode {
        condition: Condition::Refuse,
        ..Mode::default()
    });
    while std::net::TcpStream::connect(sink.grpc).is_ok() {
        std::thread::yield_now();
    }
    let generator = Generator::start(Options {
        retry: true,
        ..options(sink.grpc)
    })
    .unwrap();
    while generator.books().attempts_failed() == 0 {
        std::thread::yield_now();
    }
    sink.set_mode(Mode::default());
    let finished = generator.finish().unwrap();
    assert_conserved(&finished, &sink);
    assert!(finished.report.failures["connect"] > 0, "{:?}", finished.report);
}

#[test]
fn the_acknowledged_log_names_every_acknowledged_request() {
    let sink = verified_sink();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acknowledged");
    generate(Options {
        acknowledged_log: Some(path.clone()),
        ..options(sink.grpc)
    });
    let log = std::fs::read_to_string(path).unwrap();
    let expected: Vec<_> = (0..50)
        .map(|sequence| format!("{GENERATOR} {} 20", sequence * 20))
        .collect();
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
}
