//! The cells of the client role.

use forebay_core::Signal;
use forebay_testkit::scripted::{Act, Answer, Delay, Ending, RpcStatus, framed};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The exporter, and how it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Grpc,
    Http,
    Json,
}

/// What the specification asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// It is sent again, after this time at least, and taken then.
    Retried(Duration),
    /// It is taken; nothing is said of it.
    Taken,
    /// It is sent again without a failed attempt: the destination has said that it has not looked at it.
    Anew,
    /// So many items are rejected, for this reason; the rest is taken.
    Partial(u64, &'static str),
    /// It is not sent again; the sender gets this HTTP status, the books say this.
    Refused(u16, &'static str),
    /// It is not sent again before a time that is longer than this test.
    Waits,
    /// It is above the limit of the exporter, and never sent.
    Unsent,
}

/// Makes an answer.
pub(super) type Making = Arc<dyn Fn() -> Answer + Send + Sync>;

/// One cell.
pub(super) struct Cell {
    pub(super) rules: &'static str,
    pub(super) over: Over,
    pub(super) signal: Signal,
    pub(super) name: String,
    /// The first answer, made when it is due.
    pub(super) answer: Making,
    pub(super) items: u64,
    pub(super) expected: Expected,
}

impl Cell {
    /// What it is called in the table.
    pub(super) fn case(&self) -> String {
        format!("client {:?} {}: {}", self.over, self.signal, self.name)
    }
}

const AT_ONCE: Expected = Expected::Retried(Duration::ZERO);
/// How the books and the sender see what a destination refuses: for its content, for its size, or for another reason.
const CONTENT: Expected = Expected::Refused(400, "rejected");
const SIZE: Expected = Expected::Refused(413, "too_large");
const OTHER: Expected = Expected::Refused(500, "rejected");
/// A delay that is long enough to be told from none.
const DELAY: Duration = Duration::from_millis(300);

/// The codes of gRPC but OK, and whether each may be retried (OTLP specification, "Failures"); for RESOURCE_EXHAUSTED that is
/// what holds without a `RetryInfo`.
const CODES: [(i32, &str, Expected); 16] = [
    (1, "CANCELLED", AT_ONCE),
    (2, "UNKNOWN", OTHER),
    (3, "INVALID_ARGUMENT", CONTENT),
    (4, "DEADLINE_EXCEEDED", AT_ONCE),
    (5, "NOT_FOUND", OTHER),
    (6, "ALREADY_EXISTS", OTHER),
    (7, "PERMISSION_DENIED", OTHER),
    (8, "RESOURCE_EXHAUSTED", SIZE),
    (9, "FAILED_PRECONDITION", OTHER),
    (10, "ABORTED", AT_ONCE),
    (11, "OUT_OF_RANGE", AT_ONCE),
    (12, "UNIMPLEMENTED", OTHER),
    (13, "INTERNAL", OTHER),
    (14, "UNAVAILABLE", AT_ONCE),
    (15, "DATA_LOSS", AT_ONCE),
    (16, "UNAUTHENTICATED", OTHER),
];

/// HTTP statuses, and what each means for the data (OTLP specification, "Retryable Response Codes" and "All Other Responses").
/// Redirects are not followed: they are failures.
const STATUSES: [(u16, Expected); 27] = [
    (300, OTHER),
    (301, OTHER),
    (302, OTHER),
    (303, OTHER),
    (304, OTHER),
    (307, OTHER),
    (308, OTHER),
    (400, CONTENT),
    (401, OTHER),
    (403, OTHER),
    (404, OTHER),
    (405, OTHER),
    (408, OTHER),
    (409, OTHER),
    (413, SIZE),
    (415, OTHER),
    (418, OTHER),
    (421, OTHER),
    (422, CONTENT),
    (425, OTHER),
    (429, AT_ONCE),
    (431, OTHER),
    (500, OTHER),
    (501, OTHER),
    (502, AT_ONCE),
    (503, AT_ONCE),
    (504, AT_ONCE),
];

/// Collects cells.
struct Cells(Vec<Cell>);

impl Cells {
    fn add(&mut self, rules: &'static str, (over, signal): (Over, Signal), what: Case) {
        let Case(name, answer, expected) = what;
        self.0.push(Cell {
            rules,
            over,
            signal,
            name,
            answer,
            items: match expected {
                Expected::Partial(..) => 3,
                _ => 1,
            },
            expected,
        });
    }
}

/// A name, the first answer, and what is expected.
struct Case(String, Making, Expected);

fn case(name: impl Into<String>, answer: Answer, expected: Expected) -> Case {
    Case(name.into(), Arc::new(move || answer.clone()), expected)
}

/// All cells.
pub(super) fn cells() -> Vec<Cell> {
    let mut cells = Cells(Vec::new());
    for signal in Signal::ALL {
        grpc_codes(&mut cells, signal);
        partial_successes(&mut cells, signal);
        http_statuses(&mut cells, signal);
    }
    grpc_forms(&mut cells);
    grpc_delays(&mut cells);
    grpc_over_http(&mut cells);
    grpc_malformed(&mut cells);
    http_delays(&mut cells);
    http_malformed(&mut cells);
    for over in [Over::Grpc, Over::Http, Over::Json] {
        let unsent = case("an item above the limit", Answer::http(200), Expected::Unsent);
        cells.add("C1", (over, Signal::Logs), unsent);
    }
    cells.0
}

/// Each code with and without a `RetryInfo`. The delay makes RESOURCE_EXHAUSTED retryable, and nothing else.
fn grpc_codes(cells: &mut Cells, signal: Signal) {
    for (code, name, expected) in CODES {
        let of = (Over::Grpc, signal);
        let words = format!("{name} without RetryInfo");
        let rules = if code == 8 { "C5" } else { "C4 C7" };
        cells.add(rules, of, case(words, Answer::grpc(code, "no"), expected));
        let delayed = match expected {
            Expected::Retried(_) => Expected::Retried(DELAY),
            _ if code == 8 => Expected::Retried(DELAY),
            other => other,
        };
        let words = format!("{name} with RetryInfo of {DELAY:?}");
        let rules = if code == 8 { "C5 C10" } else { "C7 C10" };
        cells.add(
            rules,
            of,
            case(words, Answer::grpc_retry(code, "no", DELAY), delayed),
        );
    }
}

/// Statuses in the one header block of a response without a body; messages and details that are not as they should be.
fn grpc_forms(cells: &mut Cells) {
    let of = (Over::Grpc, Signal::Traces);
    for (code, name, expected) in CODES {
        let answer = Answer::grpc(code, "no").trailers_only();
        cells.add(
            "C4 C7",
            of,
            case(format!("{name}, trailers only"), answer, expected),
        );
    }
    let throttled = Answer::grpc_retry(8, "slow down", DELAY).trailers_only();
    let words = "RESOURCE_EXHAUSTED with RetryInfo, trailers only";
    cells.add("C5 C10", of, case(words, throttled, Expected::Retried(DELAY)));
    let garbage = |code| Answer::grpc(code, "no").trailer("grpc-status-details-bin", "!not base64!");
    cells.add(
        "C4",
        of,
        case(
            "UNAVAILABLE with details that are not base64",
            garbage(14),
            AT_ONCE,
        ),
    );
    cells.add(
        "C5",
        of,
        case(
            "RESOURCE_EXHAUSTED with details that are not base64",
            garbage(8),
            SIZE,
        ),
    );
    let unknown = case("code 17, which there is not", Answer::grpc(17, "?"), OTHER);
    cells.add("C7", of, unknown);
    let no_number = Answer::grpc(0, "").trailer("grpc-status", "fine");
    cells.add("C7", of, case("a status that is no number", no_number, OTHER));
    let percent = Answer::grpc(13, "100%25 of %zz %");
    cells.add(
        "C7",
        of,
        case("a message with broken percent signs", percent, OTHER),
    );
    let long = Answer::grpc(14, &"x".repeat(7000));
    cells.add(
        "C4",
        of,
        case("UNAVAILABLE with a message of 7,000 characters", long, AT_ONCE),
    );
}

/// `RetryInfo` as it should not be. That it is there is what makes RESOURCE_EXHAUSTED retryable; a delay counts if it is
/// positive (OTLP specification, "OTLP/gRPC Throttling").
fn grpc_delays(cells: &mut Cells) {
    let of = (Over::Grpc, Signal::Logs);
    let delay = |seconds, nanos| Delay { seconds, nanos };
    for (code, name) in [(8, "RESOURCE_EXHAUSTED"), (14, "UNAVAILABLE")] {
        for (words, delay, expected) in [
            ("zero", delay(0, 0), AT_ONCE),
            ("-5s", delay(-5, 0), AT_ONCE),
            ("-1ns", delay(0, -1), AT_ONCE),
            ("2^62 s", delay(1 << 62, 0), Expected::Waits),
            ("1h", delay(3600, 0), Expected::Waits),
            ("1s", delay(1, 0), Expected::Retried(Duration::from_secs(1))),
        ] {
            let words = format!("{name} with RetryInfo of {words}");
            let answer = Answer::grpc_retry(code, "no", delay);
            cells.add("C5 C10", of, case(words, answer, expected));
        }
    }
}

/// A gRPC call answered by something that speaks only HTTP (gRPC, "HTTP to gRPC Status Code Mapping").
fn grpc_over_http(cells: &mut Cells) {
    let of = (Over::Grpc, Signal::Metrics);
    for (status, expected) in [
        (400, OTHER),
        (401, OTHER),
        (403, OTHER),
        (404, OTHER),
        (418, OTHER),
        (429, AT_ONCE),
        (500, OTHER),
        (502, AT_ONCE),
        (503, AT_ONCE),
        (504, AT_ONCE),
    ] {
        let answer = Answer::http(status)
            .header("content-type", "text/html")
            .body("<html>");
        cells.add(
            "C4 C7",
            of,
            case(format!("HTTP {status} in place of gRPC"), answer, expected),
        );
    }
    let page = Answer::http(200)
        .header("content-type", "text/html")
        .body("<html>");
    cells.add("C7", of, case("a web page in place of gRPC", page, OTHER));
}

/// Answers that are no answers. A stream or connection that ends before the answer is whole says nothing about the data, so it
/// is sent again (OTLP specification, "OTLP/HTTP Connection"); one that was answered with OK is not.
fn grpc_malformed(cells: &mut Cells) {
    let of = (Over::Grpc, Signal::Traces);
    let ok = |body: &'static [u8]| Answer::grpc(0, "").body(body);
    let partial = framed(&response(1, "x"));
    let half = partial.slice(..partial.len() / 2);
    let two = [framed(b"").as_ref(), framed(b"").as_ref()].concat();
    for (words, answer) in [
        ("OK without a message", Answer::grpc(0, "")),
        ("OK, trailers only", Answer::grpc(0, "").trailers_only()),
    ] {
        cells.add("C7", of, case(words, answer, Expected::Taken));
    }
    for (words, answer) in [
        (
            "OK and a frame that says more than there is",
            Answer::grpc(0, "").body(half),
        ),
        ("OK and a frame of three bytes", ok(&[0, 0, 0])),
        ("OK and a flag that is neither 0 nor 1", ok(&[7, 0, 0, 0, 0])),
        ("OK and two messages", Answer::grpc(0, "").body(two)),
        (
            "OK and a message that is no protobuf",
            ok(&[0, 0, 0, 0, 2, 255, 255]),
        ),
        (
            "OK and a compressed message of no encoding",
            ok(&[1, 0, 0, 0, 1, 7]),
        ),
    ] {
        cells.add("C8", of, case(words, answer, Expected::Taken));
    }
    let refused = Answer::act(Act::Reset(7));
    cells.add(
        "C4",
        of,
        case("RST_STREAM REFUSED_STREAM", refused, Expected::Anew),
    );
    for (code, name) in [(8, "CANCEL"), (2, "INTERNAL_ERROR"), (11, "ENHANCE_YOUR_CALM")] {
        let answer = Answer::act(Act::Reset(code));
        cells.add("C4", of, case(format!("RST_STREAM {name}"), answer, AT_ONCE));
    }
    for (code, name) in [(0, "NO_ERROR"), (2, "INTERNAL_ERROR"), (11, "ENHANCE_YOUR_CALM")] {
        let answer = Answer::act(Act::GoAway(code));
        cells.add("C4", of, case(format!("GOAWAY {name}"), answer, AT_ONCE));
    }
    let silent = Answer::act(Act::Raw("".into()));
    cells.add(
        "C4",
        of,
        case("the connection closes without an answer", silent, AT_ONCE),
    );
    let cut = Answer::grpc_message(b"").ending(Ending::CutOff);
    cells.add(
        "C4",
        of,
        case("RST_STREAM in the middle of the answer", cut, AT_ONCE),
    );
    // Its status stands behind the message that is not read: it is a failure, and none that may be retried.
    let large = Answer::grpc_message(&vec![0; 5 << 20]);
    cells.add("C2 C7", of, case("OK and a message of 5 MiB", large, OTHER));
}

/// Some items rejected, or a warning. Nothing of it is sent again, whatever it says.
fn partial_successes(cells: &mut Cells, signal: Signal) {
    for (words, rejected, message, expected) in [
        ("2 of 3 rejected", 2, "too old", Expected::Partial(2, "too old")),
        ("3 of 3 rejected", 3, "too old", Expected::Partial(3, "too old")),
        ("99 of 3 rejected", 99, "too old", Expected::Partial(3, "too old")),
        ("a warning", 0, "late", Expected::Taken),
        ("-1 rejected", -1, "late", Expected::Taken),
    ] {
        let body = response(rejected, message);
        let grpc = Answer::grpc_message(&body);
        cells.add("C8", (Over::Grpc, signal), case(words, grpc, expected));
        let http = Answer::http(200).body(body);
        cells.add("C8", (Over::Http, signal), case(words, http, expected));
        let json = Answer::http(200)
            .header("content-type", "application/json")
            .body(json_response(signal, rejected, message));
        cells.add("C8", (Over::Json, signal), case(words, json, expected));
    }
}

/// An `Export*ServiceResponse` with a partial success: the three have one layout.
fn response(rejected_spans: i64, message: &str) -> Vec<u8> {
    let partial_success = Some(ExportTracePartialSuccess {
        rejected_spans,
        error_message: message.to_owned(),
    });
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

fn json_response(signal: Signal, rejected: i64, message: &str) -> String {
    let key = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    format!("{{\"partialSuccess\":{{\"{key}\":\"{rejected}\",\"errorMessage\":\"{message}\"}}}}")
}

fn http_statuses(cells: &mut Cells, signal: Signal) {
    for (status, expected) in STATUSES {
        let answer = match status {
            300..400 => Answer::http(status).header("location", "http://127.0.0.1:1/elsewhere"),
            _ => Answer::http_status(status, &RpcStatus::new(2, "no")),
        };
        // One signal for each status that is like many others, all for those that differ.
        let over = match signal {
            Signal::Traces => Over::Http,
            Signal::Logs => Over::Json,
            Signal::Metrics if expected != OTHER => Over::Http,
            Signal::Metrics => continue,
        };
        let rules = if expected == AT_ONCE { "C6" } else { "C6 C7" };
        cells.add(
            rules,
            (over, signal),
            case(format!("HTTP {status}"), answer, expected),
        );
    }
}

/// A moment so many seconds from now, as `Retry-After` says it (RFC 9110, section 5.6.7).
fn date(seconds: u64) -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds))
}

/// `Retry-After` in all forms. It makes nothing retryable that is not.
fn http_delays(cells: &mut Cells) {
    let second = Expected::Retried(Duration::from_secs(1));
    // A date has whole seconds: next to nothing may be left of the one that it was made in.
    let almost_three = Expected::Retried(Duration::from_secs(2));
    for (status, over) in [(429, Over::Http), (503, Over::Http), (503, Over::Json)] {
        let of = (over, Signal::Metrics);
        for (value, expected) in [
            ("1", second),
            ("0", AT_ONCE),
            ("Sun, 06 Nov 1994 08:49:37 GMT", AT_ONCE),
            ("Thu, 99 Foo 2026 99:99:99 GMT", AT_ONCE),
            ("-5", AT_ONCE),
            ("1.5", AT_ONCE),
            ("soon", AT_ONCE),
            ("", AT_ONCE),
            ("9223372036854775808", Expected::Waits),
            ("1000000000000000000000000000000", Expected::Waits),
        ] {
            let answer = Answer::http(status).header("retry-after", value);
            let words = format!("HTTP {status} with Retry-After: {value:?}");
            cells.add("C10", of, case(words, answer, expected));
        }
        for (seconds, expected) in [(3, almost_three), (365 * 86_400, Expected::Waits)] {
            let words = format!("HTTP {status} with Retry-After: a date in {seconds} s");
            let answer = move || Answer::http(status).header("retry-after", &date(seconds));
            cells.add("C10", of, Case(words, Arc::new(answer), expected));
        }
    }
    for (status, expected) in [(400, CONTENT), (413, SIZE), (500, OTHER), (408, OTHER)] {
        let answer = Answer::http(status).header("retry-after", "1");
        let words = format!("HTTP {status} with Retry-After: 1");
        cells.add("C7", (Over::Http, Signal::Metrics), case(words, answer, expected));
    }
}

fn http_malformed(cells: &mut Cells) {
    let of = (Over::Http, Signal::Traces);
    let raw = |text: &'static str| Answer::act(Act::Raw(text.into()));
    for (words, answer) in [
        ("the connection closes without an answer", raw("")),
        (
            "an answer that is no HTTP",
            raw("220 mail.example.com ESMTP\r\n\r\n"),
        ),
        ("a status line and no more", raw("HTTP/1.1 200 OK\r\n")),
        (
            "a body that is cut off",
            Answer::http(200).body("half").ending(Ending::CutOff),
        ),
    ] {
        cells.add("C6", of, case(words, answer, AT_ONCE));
    }
    let body = |body: &'static [u8]| Answer::http(200).body(body);
    let page = Answer::http(200)
        .header("content-type", "text/html")
        .body("<html>");
    let large = Answer::http(200).body(vec![0; 5 << 20]);
    let broken_json = Answer::http(200)
        .header("content-type", "application/json")
        .body("{");
    for (words, answer) in [
        ("200 and an empty body", body(b"")),
        ("200 and a body that is no protobuf", body(&[255, 255])),
        ("200 and a web page", page),
        ("200 and a body of 5 MiB", large),
        ("200 and a body that is no JSON", broken_json),
        ("204 and no body", Answer::http(204)),
    ] {
        cells.add("C2 C8", of, case(words, answer, Expected::Taken));
    }
}
