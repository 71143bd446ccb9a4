//! The server role: requests in every form to receivers of the built binary.

use super::Row;
use super::client_role::partial;
use super::server_cells::{At, Cell, LIMIT, cells};
use crate::support::forebay::ADMIN;
use crate::support::{Export, Forebay, PATIENCE};
use forebay_core::Signal;
use forebay_testkit::scripted::{Act, Answer, Backend, Form, Protocol, RpcStatus, Scripted, Told};
use futures_util::future::join_all;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;

pub(crate) async fn rows() -> Vec<Row> {
    let (draining, others): (Vec<Cell>, Vec<Cell>) =
        cells().into_iter().partition(|cell| cell.at == At::Draining);
    let mut rows = at_work(others).await;
    rows.extend(join_all(draining.into_iter().map(at_the_end)).await);
    rows
}

/// The receivers of one process, and what each goes to.
fn config(backend: &Backend) -> String {
    let mut config = format!("{ADMIN}[shutdown]\ndeadline = \"200ms\"\n");
    for (name, of_receiver, of_exporter, of_pipeline) in [
        ("open", format!("max_request_bytes = {LIMIT}"), "", ""),
        ("logsonly", String::new(), "", "signals = [\"logs\"]"),
        ("content", String::new(), "", ""),
        ("size", String::new(), "", ""),
        ("else", String::new(), "", ""),
        ("down", String::new(), "retry.enabled = false", ""),
        (
            "full",
            String::new(),
            "queue = { max_items = 1, on_full = \"refuse\" }",
            "",
        ),
    ] {
        let address = backend.http2();
        config += &format!(
            "[receivers.{name}]
            type = \"otlp\"
            grpc.listen = \"127.0.0.1:0\"
            http.listen = \"127.0.0.1:0\"
            {of_receiver}
            [exporters.to_{name}]
            type = \"otlp_grpc\"
            endpoint = \"http://{address}\"
            headers = {{ x-as = \"{name}\" }}
            {of_exporter}
            [pipelines.through_{name}]
            from = [\"{name}\"]
            to = [\"to_{name}\"]
            {of_pipeline}\n"
        );
    }
    config
}

fn script() -> Arc<Scripted> {
    Scripted::new(|request| match request.headers["x-as"].to_str().unwrap() {
        "content" => Answer::grpc(3, "no such thing"),
        "size" => Answer::grpc(8, "too much"),
        "else" => Answer::grpc(16, "who are you?"),
        "down" => Answer::grpc(14, "down"),
        "full" => Answer::act(Act::Hang),
        _ => Answer::grpc_message(b""),
    })
}

fn name(at: At) -> &'static str {
    match at {
        At::Open => "open",
        At::LogsOnly => "logsonly",
        At::BlamedContent => "content",
        At::BlamedSize => "size",
        At::BlamedElse => "else",
        At::Down => "down",
        At::Full | At::Draining => "full",
    }
}

/// Where a request of this form goes.
fn address(forebay: &Forebay, cell: &Cell) -> SocketAddr {
    let listening = &forebay.addresses()[name(cell.at)];
    let is_grpc = cell.name.starts_with("gRPC");
    listening[usize::from(!is_grpc)]
}

async fn at_work(cells: Vec<Cell>) -> Vec<Row> {
    let backend = Backend::start(script()).await.unwrap();
    let forebay = Forebay::start(&config(&backend)).await;
    // One item fills the queue of `full`, for as long as the destination does not answer.
    let filling = Form::protobuf(
        Protocol::Http1,
        Signal::Logs,
        &Export::numbered(Signal::Logs, 1..2).encode(),
    );
    let full = forebay.addresses()["full"][1];
    let filling = tokio::spawn(async move { filling.send(full).await });
    backend.scripted.until(1).await;
    let mut rows = Vec::new();
    for cell in cells {
        let told = cell.form.send(address(&forebay, &cell));
        let told = tokio::time::timeout(PATIENCE, told).await.expect("an answer");
        rows.push(row(cell, told));
    }
    filling.abort();
    rows
}

/// A request is under way, alone in a process, when that is told to end.
async fn at_the_end(cell: Cell) -> Row {
    let backend = Backend::start(script()).await.unwrap();
    let forebay = Forebay::start(&config(&backend)).await;
    let (form, to) = (cell.form.clone(), address(&forebay, &cell));
    let sending = tokio::spawn(async move { form.send(to).await });
    backend.scripted.until(1).await;
    forebay.terminate();
    let told = tokio::time::timeout(PATIENCE, sending).await.expect("an answer");
    row(cell, told.unwrap())
}

fn row(cell: Cell, told: std::io::Result<Told>) -> Row {
    Row {
        rules: cell.rules,
        case: format!("server {}", cell.name),
        expected: cell.expected,
        found: match told {
            Ok(told) => describe(cell.signal, &told),
            Err(error) => format!("no answer: {error:?}"),
        },
    }
}

/// An answer in the words of the table.
fn describe(signal: Signal, told: &Told) -> String {
    let mut words = match told.grpc_code() {
        Some(code) => format!("grpc {code}"),
        None => told.status.to_string(),
    };
    let mut word = |text: &str| {
        words.push(' ');
        words.push_str(text);
    };
    let is_http = told.grpc_code().is_none();
    if is_http {
        match told.header("content-type") {
            Some("application/x-protobuf") => word("proto"),
            Some("application/json") => word("json"),
            Some(other) => word(other),
            None => {}
        }
    }
    if told.grpc_code() == Some(0) || (is_http && told.status == 200) {
        match rejected(signal, told) {
            Ok(None) => {}
            Ok(Some((rejected, message))) if !message.is_empty() => word(&format!("rejected {rejected}")),
            Ok(Some((rejected, _))) => word(&format!("rejected {rejected}, and no message")),
            Err(what) => word(what),
        }
        return words;
    }
    if let Some(status) = told.rpc_status() {
        if is_http {
            word("Status");
        }
        for flag in details(&status) {
            word(flag);
        }
    }
    for (header, flag) in [
        ("retry-after", "+Retry-After"),
        ("allow", "+Allow"),
        ("accept-encoding", "+Accept-Encoding"),
    ] {
        if told.header(header).is_some_and(|value| !value.is_empty()) {
            word(flag);
        }
    }
    words
}

fn details(status: &RpcStatus) -> Vec<&'static str> {
    let mut found = Vec::new();
    if status.message.is_empty() {
        found.push("without a message");
    }
    if let Some(delay) = status.retry_delay {
        let positive = delay.length().is_some_and(|length| !length.is_zero());
        found.push(if positive {
            "+RetryInfo"
        } else {
            "+RetryInfo of nothing"
        });
    }
    if !status.violations.is_empty() {
        found.push("+BadRequest");
    }
    found
}

/// What a success says of items that were rejected.
fn rejected(signal: Signal, told: &Told) -> Result<Option<(i64, String)>, &'static str> {
    let body = told.message().ok_or("a frame that is none")?;
    if told.header("content-type") != Some("application/json") {
        return Ok(partial(signal, &body));
    }
    let value: Value = serde_json::from_slice(&body).map_err(|_| "a body that is no JSON")?;
    let Some(partial) = value.get("partialSuccess") else {
        return Ok(None);
    };
    let key = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    };
    let count = partial[key]
        .as_str()
        .and_then(|count| count.parse().ok())
        .unwrap_or(0);
    Ok(Some((
        count,
        partial["errorMessage"].as_str().unwrap_or_default().to_owned(),
    )))
}
