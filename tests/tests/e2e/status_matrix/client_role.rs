//! The client role: exporters of the built binary against a backend that answers the first attempt as a cell says, and
//! takes every later one.

use super::Row;
use super::client_cells::{Cell, Expected, Making, Over, cells};
use crate::support::forebay::ADMIN;
use crate::support::{Export, Forebay, PATIENCE, Scrape, eventually};
use forebay_core::Signal;
use forebay_testkit::scripted::{Answer, Backend, Form, Protocol, Received, Scripted, Told};
use futures_util::StreamExt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

/// Cells that share a process: each has a receiver and an exporter of its own.
const CELLS_PER_PROCESS: usize = 32;
/// Processes at once.
const PROCESSES: usize = 3;

/// The most bytes that the exporters may send in a request.
const REQUEST_MAX: usize = 64 << 10;

/// The header by which the backend knows the cell.
const CELL: &str = "x-cell";

pub(crate) async fn rows() -> Vec<Row> {
    let mut all = cells().into_iter().peekable();
    let groups = std::iter::from_fn(|| {
        all.peek()?;
        Some(all.by_ref().take(CELLS_PER_PROCESS).collect())
    });
    let running = futures_util::stream::iter(groups).map(together);
    running.buffered(PROCESSES).concat().await
}

/// Runs cells at once, in one process.
async fn together(cells: Vec<Cell>) -> Vec<Row> {
    let backend = Backend::start(script(&cells)).await.unwrap();
    let forebay = Forebay::start(&config(&cells, &backend)).await;
    let addresses = forebay.addresses();
    let sending: Vec<_> = cells
        .iter()
        .enumerate()
        .map(|(index, cell)| {
            let padding = match cell.expected {
                Expected::Unsent => REQUEST_MAX,
                _ => 0,
            };
            let body = Export::padded(cell.signal, 1..cell.items + 1, padding).encode();
            let form = Form::protobuf(Protocol::Http1, cell.signal, &body);
            let address = addresses[&format!("in{index}")][0];
            tokio::spawn(async move { form.send(address).await })
        })
        .collect();
    let mut told: Vec<Option<Told>> = Vec::new();
    for (cell, sending) in cells.iter().zip(sending) {
        if cell.expected == Expected::Waits {
            sending.abort();
            told.push(None);
            continue;
        }
        let answer = tokio::time::timeout(PATIENCE, sending).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer: {}", cell.case()));
        told.push(Some(answer.unwrap().unwrap()));
    }
    first_attempts(&cells, &backend).await;
    let scrape = Scrape::of(forebay.admin()).await.unwrap();
    scrape.assert_balanced();
    let attempts = by_cell(backend.scripted.received());
    let row = |(index, cell): (usize, &Cell)| {
        let seen = Seen {
            attempts: attempts.get(&index).map_or(&[], Vec::as_slice),
            told: told[index].as_ref(),
            scrape: &scrape,
            node: format!("out{index}"),
        };
        Row {
            rules: cell.rules,
            case: cell.case(),
            expected: cell.expected.words(cell.items),
            found: seen.words(cell),
        }
    };
    cells.iter().enumerate().map(row).collect()
}

/// Those that wait have no answer to wait for, but each has had its first attempt.
async fn first_attempts(cells: &[Cell], backend: &Backend) {
    let sent = cells
        .iter()
        .filter(|cell| cell.expected != Expected::Unsent)
        .count();
    eventually("every cell has been attempted", async || {
        by_cell(backend.scripted.received()).len() == sent
    })
    .await;
}

fn script(cells: &[Cell]) -> Arc<Scripted> {
    let firsts: Vec<Making> = cells.iter().map(|cell| Arc::clone(&cell.answer)).collect();
    let takes: Vec<bool> = cells.iter().map(|cell| cell.over == Over::Grpc).collect();
    let had = Mutex::new(vec![false; cells.len()]);
    Scripted::new(move |request| {
        let cell = cell_of(request);
        if !std::mem::replace(&mut had.lock().unwrap()[cell], true) {
            return firsts[cell]();
        }
        if takes[cell] {
            Answer::grpc_message(b"")
        } else {
            Answer::http(200)
        }
    })
}

fn cell_of(request: &Received) -> usize {
    request.headers[CELL].to_str().unwrap().parse().unwrap()
}

fn by_cell(received: Vec<Received>) -> BTreeMap<usize, Vec<Received>> {
    let mut found: BTreeMap<usize, Vec<Received>> = BTreeMap::new();
    for request in received {
        found.entry(cell_of(&request)).or_default().push(request);
    }
    found
}

fn config(cells: &[Cell], backend: &Backend) -> String {
    let mut config = ADMIN.to_owned();
    for (index, cell) in cells.iter().enumerate() {
        let (kind, address, more) = match cell.over {
            Over::Grpc => ("otlp_grpc", backend.http2(), ""),
            Over::Http => ("otlp_http", backend.http1(), ""),
            Over::Json => ("otlp_http", backend.http1(), "encoding = \"json\""),
        };
        write!(
            config,
            "[receivers.in{index}]
            type = \"otlp\"
            grpc.enabled = false
            http.listen = \"127.0.0.1:0\"
            [exporters.out{index}]
            type = \"{kind}\"
            endpoint = \"http://{address}\"
            headers = {{ {CELL} = \"{index}\" }}
            connections = 1
            max_request_bytes = {REQUEST_MAX}
            {more}
            retry = {{ initial_interval = \"10ms\", max_interval = \"50ms\" }}
            [pipelines.p{index}]
            from = [\"in{index}\"]
            to = [\"out{index}\"]\n"
        )
        .unwrap();
    }
    config
}

/// What became of a cell.
struct Seen<'s> {
    attempts: &'s [Received],
    told: Option<&'s Told>,
    scrape: &'s Scrape,
    node: String,
}

impl Seen<'_> {
    fn words(&self, cell: &Cell) -> String {
        let retries = match self.attempts {
            [] => "never attempted".to_owned(),
            [_] => "once".to_owned(),
            [first, second] => match (cell.expected, second.at - first.at) {
                (Expected::Retried(least), waited) if waited < least => {
                    format!("retried too early, after {waited:?}")
                }
                _ => "retried".to_owned(),
            },
            more => format!("{} attempts", more.len()),
        };
        let heard = self
            .told
            .map_or("nothing".to_owned(), |told| heard(cell.signal, told));
        format!("{retries}; sender: {heard}; books: {}", self.books())
    }

    fn books(&self) -> String {
        let sum = |metric: &str, more: &[(&str, &str)]| {
            let labels = [&[("node", self.node.as_str())], more].concat();
            self.scrape.sum(metric, &labels)
        };
        let mut words = Vec::new();
        for (metric, word) in [("delivered_total", "delivered"), ("held", "held")] {
            let items = sum(&format!("forebay_items_{metric}"), &[]);
            if items > 0.0 {
                words.push(format!("{items} {word}"));
            }
        }
        for reason in ["rejected", "too_large", "unavailable", "expired"] {
            let of = [("reason", reason)];
            let items = sum("forebay_items_refused_total", &of) + sum("forebay_items_dropped_total", &of);
            if items > 0.0 {
                words.push(format!("{items} {reason}"));
            }
        }
        // Where the connection broke, connecting anew may take more than one attempt.
        for outcome in ["retryable", "permanent"] {
            let of = [("outcome", outcome)];
            if sum("forebay_exporter_attempts_total", &of) > 0.0 {
                words.push(outcome.to_owned());
            }
        }
        words.join(", ")
    }
}

/// What a sender over HTTP makes of its answer.
fn heard(signal: Signal, told: &Told) -> String {
    if told.status != 200 {
        return told.status.to_string();
    }
    match partial(signal, &told.body) {
        None => "taken".to_owned(),
        Some((rejected, message)) => format!("taken but {rejected} ({message})"),
    }
}

/// The partial success in a response: the three messages have one layout.
pub(super) fn partial(_: Signal, body: &[u8]) -> Option<(i64, String)> {
    let response = ExportTraceServiceResponse::decode(body).ok()?;
    let partial = response.partial_success?;
    Some((partial.rejected_spans, partial.error_message))
}

impl Expected {
    fn words(self, items: u64) -> String {
        match self {
            Expected::Retried(_) => {
                format!("retried; sender: taken; books: {items} delivered, retryable")
            }
            Expected::Taken => format!("once; sender: taken; books: {items} delivered"),
            Expected::Anew => format!("retried; sender: taken; books: {items} delivered"),
            Expected::Partial(rejected, message) => {
                let delivered = match items - rejected {
                    0 => String::new(),
                    left => format!("{left} delivered, "),
                };
                format!(
                    "once; sender: taken but {rejected} ({message}); books: {delivered}{rejected} rejected"
                )
            }
            Expected::Refused(status, reason) => {
                format!("once; sender: {status}; books: {items} {reason}, permanent")
            }
            Expected::Unsent => format!("never attempted; sender: 413; books: {items} too_large"),
            Expected::Waits => format!("once; sender: nothing; books: {items} held, retryable"),
        }
    }
}
