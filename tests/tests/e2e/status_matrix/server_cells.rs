//! The cells of the server role.

use crate::support::Export;
use flate2::Compression;
use flate2::write::GzEncoder;
use forebay_core::Signal;
use forebay_testkit::scripted::{Form, Protocol, framed};
use http::Method;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use std::io::Write;

/// The most bytes that a request to [`At::Open`] may have.
pub(super) const LIMIT: usize = 64 << 10;

/// The receiver that a request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// It takes what is good.
    Open,
    /// Only logs go on from it.
    LogsOnly,
    /// Its destination blames the content of everything.
    BlamedContent,
    /// Its destination finds everything too large.
    BlamedSize,
    /// Its destination knows nobody.
    BlamedElse,
    /// Its destination is not there, and nothing is sent again.
    Down,
    /// Its queue is full.
    Full,
    /// Its process is told to end while the request is under way, and the destination does not answer.
    Draining,
}

/// One cell.
pub(super) struct Cell {
    pub(super) rules: &'static str,
    pub(super) at: At,
    pub(super) name: String,
    pub(super) form: Form,
    pub(super) signal: Signal,
    pub(super) expected: String,
}

/// A way to send a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Grpc,
    Proto1,
    Proto2,
    Json,
}

impl Way {
    const ALL: [Way; 4] = [Way::Grpc, Way::Proto1, Way::Proto2, Way::Json];
    /// Those of OTLP/HTTP.
    const HTTP: [Way; 3] = [Way::Proto1, Way::Proto2, Way::Json];

    fn words(self) -> &'static str {
        match self {
            Way::Grpc => "gRPC",
            Way::Proto1 => "HTTP/1.1 protobuf",
            Way::Proto2 => "HTTP/2 protobuf",
            Way::Json => "HTTP/1.1 JSON",
        }
    }

    /// A request with `items` good items.
    fn good(self, signal: Signal, items: u64) -> Form {
        match self {
            Way::Json => Form::json(Protocol::Http1, signal, &json(signal, items)),
            _ => self.body(signal, &Export::numbered(signal, 1..items + 1).encode()),
        }
    }

    /// A request with this body: for gRPC a message.
    fn body(self, signal: Signal, body: &[u8]) -> Form {
        match self {
            Way::Grpc => Form::grpc(signal, body),
            Way::Proto1 => Form::protobuf(Protocol::Http1, signal, body),
            Way::Proto2 => Form::protobuf(Protocol::Http2, signal, body),
            Way::Json => Form::json(Protocol::Http1, signal, "").body(body.to_vec()),
        }
    }

    /// The same with a compressed body.
    fn packed(self, signal: Signal, name: &str, packed: &[u8]) -> Form {
        match self {
            Way::Grpc => {
                let mut frame = framed(packed).to_vec();
                frame[0] = 1;
                Form::grpc(signal, b"").header("grpc-encoding", name).body(frame)
            }
            _ => self.body(signal, packed).header("content-encoding", name),
        }
    }

    /// What the answers of failures look like: `grpc` is the code, `http` the status and what else there is.
    fn says(self, grpc: &str, http: &str) -> String {
        match self {
            Way::Grpc => format!("grpc {grpc}"),
            Way::Proto1 | Way::Proto2 => http.replace('@', "proto"),
            Way::Json => http.replace('@', "json"),
        }
    }

    /// Success, with what follows.
    fn takes(self, more: &str) -> String {
        self.says(&format!("0{more}"), &format!("200 @{more}"))
    }
}

const BAD_DATA: (&str, &str) = ("3 +BadRequest", "400 @ Status +BadRequest");
const OVERLOAD: (&str, &str) = ("14 +RetryInfo", "503 @ Status +RetryInfo +Retry-After");
const TOO_LARGE: (&str, &str) = ("8", "413 @ Status");

struct Cells(Vec<Cell>);

impl Cells {
    fn add(&mut self, rules: &'static str, (at, way, signal): (At, Way, Signal), what: Case) {
        let Case(name, form, expected) = what;
        self.0.push(Cell {
            rules,
            at,
            name: format!("{} {signal}: {name}", way.words()),
            form,
            signal,
            expected,
        });
    }
}

/// A name, a request, and what is expected.
struct Case(String, Form, String);

fn case(name: impl Into<String>, form: Form, expected: impl Into<String>) -> Case {
    Case(name.into(), form, expected.into())
}

/// All cells.
pub(super) fn cells() -> Vec<Cell> {
    let mut cells = Cells(Vec::new());
    for signal in Signal::ALL {
        for way in Way::ALL {
            taken(&mut cells, way, signal);
            refused_for_the_content(&mut cells, way, signal);
            refused_for_the_size(&mut cells, way, signal);
        }
    }
    for way in Way::ALL {
        partly_taken(&mut cells, way);
        refused_for_the_moment(&mut cells, way);
        destinations(&mut cells, way);
    }
    for way in Way::HTTP {
        misdirected(&mut cells, way);
    }
    calls(&mut cells);
    json_rules(&mut cells);
    cells.0
}

fn taken(cells: &mut Cells, way: Way, signal: Signal) {
    let of = (At::Open, way, signal);
    cells.add("S7 S14", of, case("good", way.good(signal, 2), way.takes("")));
    let empty: &[u8] = if way == Way::Json { b"{}" } else { b"" };
    cells.add("S8", of, case("empty", way.body(signal, empty), way.takes("")));
    let good = good_bytes(way, signal);
    let gzipped = way.packed(signal, "gzip", &gzip(&good));
    cells.add("S1", of, case("gzip", gzipped, way.takes("")));
    let zstd = way.packed(signal, "zstd", &zstd::encode_all(&*good, 1).unwrap());
    cells.add("S1", of, case("zstd", zstd, way.takes("")));
    if way != Way::Grpc {
        let kind = way.good(signal, 1).headers[0].1.clone() + "; charset=utf-8";
        let form = way.good(signal, 1).header("content-type", &kind);
        cells.add(
            "S14",
            of,
            case("a content type with a parameter", form, way.takes("")),
        );
    }
}

fn refused_for_the_content(cells: &mut Cells, way: Way, signal: Signal) {
    let of = (At::Open, way, signal);
    let bad = way.says(BAD_DATA.0, BAD_DATA.1);
    for (words, body) in [
        ("garbage", b"\xff\xff\xff\xff".to_vec()),
        ("a good one cut in half", {
            let good = good_bytes(way, signal);
            good[..good.len() / 2].to_vec()
        }),
    ] {
        let form = way.body(signal, &body);
        cells.add("S12 S13", of, case(words, form, bad.clone()));
    }
    let broken = way.packed(signal, "gzip", b"this is not gzip at all");
    let form = case("a body that is no gzip", broken, way.says("3", "400 @ Status"));
    cells.add("S12", of, form);
    let foreign = way.packed(signal, "lzma", b"?");
    let says = way.says("12", "415 @ Status +Accept-Encoding");
    cells.add("S13", of, case("an unknown compression", foreign, says));
}

fn refused_for_the_size(cells: &mut Cells, way: Way, signal: Signal) {
    let of = (At::Open, way, signal);
    let too_large = way.says(TOO_LARGE.0, TOO_LARGE.1);
    let blank = if way == Way::Json { b' ' } else { 0 };
    let body = vec![blank; LIMIT + 1];
    let form = way.body(signal, &body);
    cells.add(
        "S2 S3 S5",
        of,
        case("a byte above the limit", form, too_large.clone()),
    );
    let large = vec![blank; 4 << 20];
    for (name, packed) in [
        ("gzip", gzip(&large)),
        ("zstd", zstd::encode_all(&*large, 1).unwrap()),
    ] {
        assert!(packed.len() < LIMIT);
        let words = format!("{name}, above the limit when decompressed");
        let form = way.packed(signal, name, &packed);
        cells.add("S3 S4 S5", of, case(words, form, too_large.clone()));
    }
}

/// Items whose ids are no ids, among good ones.
fn partly_taken(cells: &mut Cells, way: Way) {
    let of = (At::Open, way, Signal::Traces);
    for (words, rejected, form) in [
        (
            "a trace id of 3 bytes among 3 spans",
            1,
            spans_with(way, "070707", "0000000000000009"),
        ),
        (
            "a trace id of zeros among 3 spans",
            1,
            spans_with(way, "00000000000000000000000000000000", "0000000000000009"),
        ),
        (
            "a span id of 2 bytes among 3 spans",
            1,
            spans_with(way, "07070707070707070707070707070707", "0009"),
        ),
    ] {
        let says = way.takes(&format!(" rejected {rejected}"));
        cells.add("S9", of, case(words, form, says));
    }
}

/// Two good spans and one with these ids.
fn spans_with(way: Way, trace_id: &str, span_id: &str) -> Form {
    let signal = Signal::Traces;
    let ids = |text: &str| -> Vec<u8> {
        let digits: Vec<u8> = text
            .bytes()
            .map(|digit| (digit as char).to_digit(16).unwrap() as u8)
            .collect();
        digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect()
    };
    if way == Way::Json {
        let good = json(signal, 3);
        let first = good.find("\"traceId\":\"").unwrap() + 11;
        let end = first + good[first..].find('"').unwrap();
        let text = format!("{}{trace_id}{}", &good[..first], &good[end..]);
        let first = text.find("\"spanId\":\"").unwrap() + 10;
        let end = first + text[first..].find('"').unwrap();
        return Form::json(
            Protocol::Http1,
            signal,
            &format!("{}{span_id}{}", &text[..first], &text[end..]),
        );
    }
    let Export::Traces(mut request) = Export::numbered(signal, 1..4) else {
        unreachable!("traces are traces");
    };
    let span = &mut request.resource_spans[0].scope_spans[0].spans[1];
    (span.trace_id, span.span_id) = (ids(trace_id), ids(span_id));
    span.links = vec![Link {
        trace_id: vec![1; 16],
        span_id: vec![1; 8],
        ..Link::default()
    }];
    way.body(signal, &Export::Traces(request).encode())
}

fn refused_for_the_moment(cells: &mut Cells, way: Way) {
    let signal = Signal::Logs;
    let overload = way.says(OVERLOAD.0, OVERLOAD.1);
    for (at, words) in [
        (At::Full, "the queue is full"),
        (
            At::Draining,
            "the process ends before the destination has answered",
        ),
        (At::Down, "the destination is down and there is no retry"),
    ] {
        let form = way.good(signal, 1);
        cells.add("S11", (at, way, signal), case(words, form, overload.clone()));
    }
}

/// What a destination says of the data reaches its sender; what it says of us is our failure.
fn destinations(cells: &mut Cells, way: Way) {
    let signal = Signal::Traces;
    for (at, words, (grpc, http)) in [
        (
            At::BlamedContent,
            "the destination blames the content",
            ("3", "400 @ Status"),
        ),
        (At::BlamedSize, "the destination finds it too large", TOO_LARGE),
        (
            At::BlamedElse,
            "the destination does not know us",
            ("13", "500 @ Status"),
        ),
    ] {
        let form = way.good(signal, 1);
        cells.add("S13", (at, way, signal), case(words, form, way.says(grpc, http)));
    }
    let unserved = case(
        "no pipeline takes it",
        way.good(signal, 1),
        way.says("12", "404 @ Status"),
    );
    cells.add("S13", (At::LogsOnly, way, signal), unserved);
    let served = case(
        "another signal's pipeline takes it",
        way.good(Signal::Logs, 1),
        way.takes(""),
    );
    cells.add("S7", (At::LogsOnly, way, Signal::Logs), served);
}

/// OTLP/HTTP: what is no export request.
fn misdirected(cells: &mut Cells, way: Way) {
    let signal = Signal::Traces;
    let of = (At::Open, way, signal);
    for path in [
        "/",
        "/v1/trace",
        "/v1/traces/",
        "/v2/traces",
        "/V1/TRACES",
        "/v1development/profiles",
    ] {
        let form = way.good(signal, 1).path(path);
        let says = way.says("", "404 @ Status");
        cells.add("S13 S17", of, case(format!("path {path}"), form, says));
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let words = format!("method {method}");
        let form = way.good(signal, 1).method(method);
        let says = way.says("", "405 @ Status +Allow");
        cells.add("S13", of, case(words, form, says));
    }
    for kind in ["text/plain", "application/grpc-web", "application/jsonx", ""] {
        let form = way.good(signal, 1).header("content-type", kind);
        // There is no content type to answer in: any of the two will do.
        let says = "415 json Status".to_owned();
        cells.add("S13 S14", of, case(format!("content type `{kind}`"), form, says));
    }
    let form = way.good(signal, 1).without("content-type");
    cells.add("S13 S14", of, case("no content type", form, "415 json Status"));
}

/// gRPC: calls that are not as they should be (gRPC, "PROTOCOL-HTTP2").
fn calls(cells: &mut Cells) {
    let signal = Signal::Metrics;
    let of = (At::Open, Way::Grpc, signal);
    let good = || Way::Grpc.good(signal, 1);
    for path in [
        "/",
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Import",
        "/a.B/C",
    ] {
        let form = good().path(path);
        cells.add("S13", of, case(format!("path {path}"), form, "grpc 12"));
    }
    for kind in ["application/json", "application/x-protobuf", "text/plain"] {
        let form = good().header("content-type", kind);
        cells.add("S13", of, case(format!("content type {kind}"), form, "415"));
    }
    let form = good().header("content-type", "application/grpc+proto");
    cells.add(
        "S7",
        of,
        case("content type application/grpc+proto", form, "grpc 0"),
    );
    let nothing = good().body("");
    cells.add("S12", of, case("no message", nothing, "grpc 3"));
    let half = good();
    let cut = half.body.slice(..half.body.len() - 1);
    cells.add(
        "S12",
        of,
        case("a message that is cut off", half.body(cut), "grpc 3"),
    );
    let flag = good().body(vec![7, 0, 0, 0, 0]);
    cells.add("S12", of, case("a flag that is neither 0 nor 1", flag, "grpc 3"));
    let two = [good().body.as_ref(), good().body.as_ref()].concat();
    cells.add("S12", of, case("two messages", good().body(two), "grpc 3"));
    let nameless = good().body(vec![1, 0, 0, 0, 1, 9]);
    cells.add(
        "S12",
        of,
        case("compressed, without grpc-encoding", nameless, "grpc 3"),
    );
}

/// The rules of JSON, in traces.
fn json_rules(cells: &mut Cells) {
    let of = (At::Open, Way::Json, Signal::Traces);
    let span = |more: &str| {
        format!(
            "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\
             \"traceId\":\"5B8EFFF798038103d269b633813fc60c\",\"spanId\":\"EEE19B7EC3C1B174\",\"name\":\"n\"{more}}}]}}]}}]}}"
        )
    };
    let ok = || Way::Json.takes("");
    let bad = || Way::Json.says("", BAD_DATA.1);
    for (rules, words, text, expected) in [
        ("J1", "ids in hex of both cases", span(""), ok()),
        ("J2", "an enum as a number", span(",\"kind\":2"), ok()),
        (
            "J3",
            "an unknown field",
            span(",\"somethingNew\":{\"a\":[1,null]}"),
            ok(),
        ),
        (
            "J4",
            "a field in snake_case is an unknown one",
            span(",\"trace_state\":7"),
            ok(),
        ),
        (
            "J5",
            "64-bit numbers as text",
            span(",\"startTimeUnixNano\":\"1544712660000000000\""),
            ok(),
        ),
        (
            "J5",
            "64-bit numbers as numbers",
            span(",\"startTimeUnixNano\":1544712660000000000"),
            ok(),
        ),
        (
            "S12",
            "a number that is none",
            span(",\"startTimeUnixNano\":\"soon\""),
            bad(),
        ),
        (
            "S12",
            "text where a list is due",
            "{\"resourceSpans\":\"x\"}".to_owned(),
            bad(),
        ),
        ("S12", "no text at all", String::new(), bad()),
        ("S12", "a list in place of the request", "[]".to_owned(), bad()),
        ("S12", "two values", "{}{}".to_owned(), bad()),
        (
            "S12",
            "an id that is not hex",
            span("").replace("5B8EFFF7", "5B8EFFFG"),
            bad(),
        ),
    ] {
        let form = Form::json(Protocol::Http1, Signal::Traces, &text);
        cells.add(rules, of, case(words, form, expected));
    }
}

fn good_bytes(way: Way, signal: Signal) -> Vec<u8> {
    match way {
        Way::Json => json(signal, 2).into_bytes(),
        _ => Export::numbered(signal, 1..3).encode().to_vec(),
    }
}

/// A request in OTLP/JSON.
fn json(signal: Signal, items: u64) -> String {
    let item = |number: u64| {
        let ids = format!(
            "\"traceId\":\"07070707070707070000000000000{number:03}\",\"spanId\":\"0000000000000{number:03}\""
        );
        match signal {
            Signal::Traces => format!("{{{ids},\"name\":\"n\"}}"),
            Signal::Metrics => format!("{{\"asInt\":\"{number}\",\"timeUnixNano\":\"1\"}}"),
            Signal::Logs => format!("{{{ids},\"body\":{{\"stringValue\":\"b\"}}}}"),
        }
    };
    let items: Vec<String> = (1..=items).map(item).collect();
    let items = items.join(",");
    match signal {
        Signal::Traces => format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{items}]}}]}}]}}"),
        Signal::Metrics => format!(
            "{{\"resourceMetrics\":[{{\"scopeMetrics\":[{{\"metrics\":[\
             {{\"name\":\"m\",\"gauge\":{{\"dataPoints\":[{items}]}}}}]}}]}}]}}"
        ),
        Signal::Logs => format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{items}]}}]}}]}}"),
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
