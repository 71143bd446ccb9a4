//! The inputs that fuzzing starts from.

mod tables;
mod texts;

use fastrand::Rng;
use forebay_fuzz::support::scramble::scramble;
use forebay_fuzz::support::{damage, generate};
use forebay_otlp::{Signal, json, schema};

/// The most bytes of a request.
const MOST: usize = 1024;

type Seeds = Vec<(String, Vec<u8>)>;

/// The seeds of a target, by name.
pub(crate) fn of(target: &str) -> Seeds {
    match target {
        "traces" => requests(Signal::Traces, &[]),
        "metrics" => requests(Signal::Metrics, &[]),
        "logs" => requests(Signal::Logs, &[]),
        "edit" => every_signal(|signal| requests(signal, &[signal as u8])),
        "regroup" => every_signal(|signal| requests(signal, &[signal as u8])),
        "redaction" => {
            let mut seeds =
                every_signal(|signal| requests(signal, &[signal as u8]).into_iter().take(1).collect());
            seeds.extend(named(&texts::TEXTS));
            seeds
        }
        "lookup" => {
            let mut seeds = named(&tables::TABLES);
            seeds.extend(tables::databases());
            seeds
        }
        "text" => every_signal(|signal| requests(signal, &[signal as u8, 20])),
        "json" => every_signal(|signal| {
            let mut seeds = requests(signal, &[signal as u8]);
            seeds.extend(texts(signal));
            seeds
        }),
        "bodies" => bodies(),
        "http" => named(&HTTP),
        "grpc" => grpc(),
        "status" => named(&STATUS),
        "config" => named(&CONFIGS),
        "values" => named(&VALUES),
        "tracestate" => named(&TRACE_STATES),
        _ => Vec::new(),
    }
}

fn every_signal(seeds: impl Fn(Signal) -> Seeds) -> Seeds {
    let of = |signal: Signal| {
        let named = seeds(signal).into_iter();
        named.map(move |(name, bytes)| (format!("{signal}-{name}"), bytes))
    };
    Signal::ALL.into_iter().flat_map(of).collect()
}

fn named(seeds: &[(&str, &[u8])]) -> Seeds {
    let owned = seeds.iter();
    owned
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
        .collect()
}

/// A request as prost writes it, rearranged, and damaged, each behind `head`.
fn requests(signal: Signal, head: &[u8]) -> Seeds {
    let mut rng = Rng::with_seed(signal as u64);
    let wire = request(signal, &mut rng);
    let rearranged = scramble(schema::request(signal), &wire, &mut rng);
    let damaged = damage(&wire, &mut rng);
    let shapes = [("plain", wire), ("rearranged", rearranged), ("damaged", damaged)];
    let seeds = shapes.into_iter();
    seeds
        .map(|(name, body)| (name.to_owned(), [head, &body].concat()))
        .collect()
}

fn request(signal: Signal, rng: &mut Rng) -> Vec<u8> {
    loop {
        let request = generate::request(signal, rng);
        if (2..6).contains(&request.items()) && request.encode().len() < MOST {
            return request.encode();
        }
    }
}

/// A request and an answer in JSON.
fn texts(signal: Signal) -> Seeds {
    let mut rng = Rng::with_seed(signal as u64);
    let text = loop {
        let mut text = vec![signal as u8];
        json::from_protobuf(signal, &request(signal, &mut rng), &mut text).unwrap();
        if text.len() < 2 * MOST {
            break text;
        }
    };
    let answer = br#"{"partialSuccess":{"rejectedSpans":"1","rejectedLogRecords":2,"errorMessage":"no"}}"#;
    let answer = [&[signal as u8], &answer[..]].concat();
    vec![("json".to_owned(), text), ("answer".to_owned(), answer)]
}

/// A body in each encoding, for both protocols. The compressed ones are written down here, so that they do not change with the
/// library that would make them: `hello hello hello hello` in gzip, zstd and zlib.
fn bodies() -> Seeds {
    let mut seeds = Seeds::new();
    for (encoding, body) in [PLAIN, GZIP, ZSTD, ZLIB].into_iter().enumerate() {
        for grpc in [0, 1] {
            let manner = grpc | (encoding as u8) << 1 | 8;
            seeds.push((format!("{encoding}-{grpc}"), [&[manner, 3], body].concat()));
        }
    }
    seeds.push(("stalls".to_owned(), [&[16, 1], PLAIN].concat()));
    seeds.push(("prefix".to_owned(), [&[33, 2, 0, 0, 0, 0, 5], PLAIN].concat()));
    seeds
}

const PLAIN: &[u8] = b"hello";
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8,
    0x40, 0x27, 0x01, 0xe3, 0x51, 0x3d, 0x8d, 0x17, 0x00, 0x00, 0x00,
];
const ZSTD: &[u8] = &[
    0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x17, 0xb9, 0x00, 0x00, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x68, 0x65,
    0x6c, 0x6c, 0x6f, 0x20, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x68, 0x65, 0x6c, 0x6c, 0x6f,
];
const ZLIB: &[u8] = &[
    0x78, 0x9c, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0x40, 0x27, 0x01, 0x68, 0x03, 0x08, 0xb1,
];

const HTTP: [(&str, &[u8]); 8] = [
    ("post", b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: 3\r\n\r\nabc"),
    ("json", b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}"),
    ("chunked", b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    ("two", b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
    ("expect", b"POST /v1/traces HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\na"),
    ("large", b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\nabcdef"),
    ("http2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x05\x01\x05\0\0\0\x01\x83\x86\x84\x41\0"),
    ("upgrade", b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n"),
];

/// Calls of one frame and of many, and frames of each kind.
fn grpc() -> Seeds {
    let kinds = [
        ("ping", 6, &[0; 8][..]),
        ("settings", 4, &[0, 4, 0, 0, 0xff, 0xff]),
        ("reset", 3, &[0, 0, 0, 8]),
        ("goaway", 7, &[0; 8]),
        ("window", 8, &[0, 0, 0xff, 0xff]),
        ("continuation", 9, &[0x83]),
        ("priority", 2, &[0, 0, 0, 0, 1]),
    ];
    let call = |how: u8, flag: u8, body: &[u8]| [&[how, flag, 0, 0, 0, body.len() as u8], body].concat();
    let mut seeds = vec![
        ("call".to_owned(), call(0xf1, 0, PLAIN)),
        ("slow-call".to_owned(), call(0x01, 0, PLAIN)),
        ("gzip-call".to_owned(), call(0x33, 1, GZIP)),
    ];
    for (name, kind, payload) in kinds {
        let mut frame = vec![0, 0, 0, payload.len() as u8, kind, 0, 0, 0, 0, 0];
        frame.extend(payload);
        seeds.push((name.to_owned(), frame));
    }
    seeds
}

const STATUS: [(&str, &[u8]); 14] = [
    ("trailers", b"\x008\nover%20the limit%\nCAgSAW0aNQoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIJCgcIBRCAyrUO"),
    ("padded", b"\x0014\n\nCA4="),
    ("not-base64", b"\x0014\nm\n?!"),
    ("protobuf", b"\x01\x08\x03\x12\x01m"),
    ("json", br#"{"code":8,"message":"m","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}"#),
    ("json-bad", br#"{"code":3,"details":[{"fieldViolations":[{"field":"f","description":"d"}]}]}"#),
    ("retry-seconds", b"\x03120"),
    ("retry-date", b"\x03Sun, 06 Nov 1994 08:49:37 GMT"),
    ("retry-old-date", b"\x03Sunday, 06-Nov-94 08:49:37 GMT"),
    ("retry-asctime", b"\x03Sun Nov  6 08:49:37 1994"),
    ("retry-many-digits", b"\x0399999999999999999999999999"),
    ("encoding", b"\x04 gzip"),
    ("content-type", b"\x04application/json; charset=utf-8"),
    ("grpc", b"\x04application/grpc+proto"),
];

const CONFIGS: [(&str, &[u8]); 4] = [
    (
        "small",
        b"[receivers.otlp]\n[exporters.debug]\n[pipelines.main]\nfrom = [\"otlp\"]\nto = [\"debug\"]\n",
    ),
    ("large", LARGE_CONFIG),
    (
        "unknown",
        b"[receivers.otlp]\nlisten = 1\n[exporter.x]\n[pipelines.main]\nfrom = [\"otpl\"]\n",
    ),
    (
        "broken",
        b"[memory]\nbudget = \"${env:SET\n[memory]\nbudget = 5%\n= 1\n",
    ),
];

const LARGE_CONFIG: &[u8] = br#"
[memory]
budget = "${env:NONE:-256MiB}"
[log]
level = "info,forebay_engine=debug"
[receivers.in]
type = "otlp"
grpc.listen = "127.0.0.1:0"
[processors.some]
type = "filter"
mode = "drop"
rules = [{ names = ["glob:GET /*", "regex:^a"] }]
[processors.other]
type = "attributes"
item = [{ action = "upsert", key = "a", value = 1 }]
[exporters.out]
type = "otlp_http"
endpoint = "http://localhost:4318"
headers = { a = "${file:there}" }
retry = { max_age = "10m" }
[pipelines.first]
from = ["in.traces"]
via = ["some"]
[pipelines.second]
from = ["first"]
to = ["out"]
[edges]
"some -> out" = { max_items = 1 }
"#;

const TRACE_STATES: [(&str, &[u8]); 5] = [
    ("empty", b"\x01\0\0\0\0\0\0\x80"),
    ("threshold", b"\x01\0\0\0\0\0\0\xc0ot=th:8"),
    ("erased", b"\0\0\0\0\0\0\0\0ot=rv:FD70A3D70A3D71;th:fd70a;x:1"),
    (
        "vendors",
        b"\x01abcdefga=1 , ot=x:;rv:9b8233f7e3a151;th:c;y:._-,\tt@b=ot=th:8,,",
    ),
    ("wrong", b"\x01\0\0\0\0\0\0\x80ot=th:-1,ot=th:8"),
];

const VALUES: [(&str, &[u8]); 16] = [
    ("budget", b"\x0075%"),
    ("size", b"\x00256MiB"),
    ("address", b"\x01[::1]:8888"),
    ("level", b"\x02info,forebay_engine=debug"),
    ("duration", b"\x031m30s"),
    ("listen", b"\x04127.0.0.1:4317"),
    ("http-endpoint", b"\x06http://user@host:4317/base"),
    ("unix-endpoint", b"\x07unix:///run/a.sock"),
    ("variable", b"\x08${env:SET:-default}"),
    ("file", b"\x08${file:there}$$"),
    ("path", b"\x0b/var/{signal}.jsonl"),
    ("regex", b"\x0dregex:^a(b|c)*$"),
    ("glob", b"\x0dglob:GET /[a-z]*?"),
    ("severity", b"\x0ewarn2"),
    ("upsert", b"\x11a.b"),
    ("port", b"\x12inbound.traces"),
];
