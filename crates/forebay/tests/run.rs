//! `run` through the built binary: it listens, delivers, drains, and ends with the exit code that it should.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use std::net::TcpListener;
use support::{Process, config, config_into_the_void, forebay, get, printed, root};

/// The embedded default, on ports that the system chooses.
fn default_config() -> String {
    let text = std::fs::read_to_string(root().join("configs/default.toml")).unwrap();
    let text = text
        .replace("127.0.0.1:4317", "127.0.0.1:0")
        .replace("127.0.0.1:4318", "127.0.0.1:0");
    format!("{text}\n[admin]\nlisten = \"127.0.0.1:0\"\n")
}

#[test]
fn the_default_config_takes_data_and_ends_with_0_on_sigterm() {
    let mut process = Process::listening(&default_config());
    assert_eq!(process.send_span(), 200);
    let status = process.status();
    assert_eq!(status["phase"], "running");
    assert_eq!(status["total"]["received"], 1);
    assert_eq!(status["total"]["delivered"], 1);
    assert_eq!(status["unaccounted"], 0);
    process.terminate();
    let drained = process.says("drained");
    assert_eq!(drained["received"], 1);
    assert_eq!(drained["delivered"], 1);
    assert_eq!(drained["lost"], 0);
    assert_eq!(drained["undelivered"], 0);
    assert_eq!(drained["in_time"], true);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn what_the_deadline_cuts_off_is_told_and_ends_with_3() {
    let void = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut process = Process::listening(&config_into_the_void(void.local_addr().unwrap(), "50ms"));
    assert_eq!(process.send_span(), 200);
    process.terminate();
    let lost = process.says("lost");
    assert_eq!(lost["node"], "out");
    assert_eq!(lost["signal"], "traces");
    assert_eq!(lost["reason"], "shutdown");
    assert_eq!(lost["items"], 1);
    assert_eq!(process.says("drained")["undelivered"], 1);
    assert_eq!(process.wait().code(), Some(3));
}

#[test]
fn a_second_signal_ends_it_at_once_with_130() {
    let void = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut process = Process::listening(&config_into_the_void(void.local_addr().unwrap(), "1h"));
    assert_eq!(process.send_span(), 200);
    process.terminate();
    process.says("draining; a second signal ends at once");
    process.terminate();
    assert_eq!(process.wait().code(), Some(130));
    let lines = process.rest();
    let last = lines.last().unwrap();
    assert_eq!(last["message"], "ended at once by a second signal");
    assert_eq!(last["held"], 1);
}

#[test]
fn while_it_drains_it_is_live_and_not_ready() {
    let void = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut process = Process::listening(&config_into_the_void(void.local_addr().unwrap(), "1h"));
    assert_eq!(process.ask("/readyz").0, 200);
    assert_eq!(process.ask("/livez").0, 200);
    assert_eq!(process.send_span(), 200);
    process.terminate();
    let status = process.status_until(|status| status["phase"] == "draining");
    assert_eq!(status["ready"], false);
    assert_eq!(status["total"]["held"], 1);
    assert_eq!(process.ask("/readyz").0, 503);
    assert_eq!(process.ask("/livez").0, 200);
    let address = process.address("admin", 0).to_string();
    let health = |words: &[&str]| {
        let mut command = forebay();
        command.args(["health", "--admin", &address]).args(words);
        command.output().unwrap().status.code()
    };
    assert_eq!(health(&[]), Some(0));
    assert_eq!(health(&["--ready"]), Some(1));
}

#[test]
fn a_port_in_use_is_an_error_with_the_address_and_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let of_the_receiver = config("", "type = \"null\"", "").replacen(
        "grpc.listen = \"127.0.0.1:0\"",
        &format!("grpc.listen = \"{address}\""),
        1,
    );
    let of_the_admin_endpoint = config("", "type = \"null\"", "").replacen(
        "[admin]\nlisten = \"127.0.0.1:0\"",
        &format!("[admin]\nlisten = \"{address}\""),
        1,
    );
    for (config, who) in [(of_the_receiver, "`otlp`"), (of_the_admin_endpoint, "admin")] {
        let mut process = Process::start(&config);
        let error = process.line(|line| line["level"] == "ERROR");
        let words = error["message"].as_str().unwrap();
        assert!(words.contains(&address) && words.contains(who), "{words}");
        assert_eq!(process.wait().code(), Some(1));
    }
}

#[test]
fn a_wrong_config_ends_with_2_and_starts_nothing() {
    let mut process = Process::start(&config("", "type = \"nil\"", ""));
    let said = process.line(|line| line.as_str().is_some_and(|line| line.starts_with("error: ")));
    assert_eq!(said, "error: unknown exporter type `nil`");
    assert_eq!(process.wait().code(), Some(2));
}

#[test]
fn warnings_of_the_config_are_lines_of_the_log() {
    let config = config("", "type = \"null\"", "").replace("from = [\"otlp\"]", "from = [\"otlp.traces\"]");
    let mut process = Process::listening(&config);
    let warning = process.line(|line| line["level"] == "WARN");
    assert_eq!(
        warning["message"],
        "config: no pipeline takes metrics, logs of receiver `otlp` to an exporter"
    );
    assert!(warning["place"].as_str().unwrap().ends_with("forebay.toml:4:12"));
}

#[test]
fn without_an_admin_endpoint_nothing_listens_there() {
    let config = config("", "type = \"null\"", "").replacen(
        "[admin]\nlisten = \"127.0.0.1:0\"",
        "[admin]\nenabled = false",
        1,
    );
    let mut process = Process::start(&config);
    process.line(|line| line["message"] == "listening" && line["node"] == "otlp");
    process.terminate();
    assert_eq!(process.wait().code(), Some(0));
    let lines = process.rest();
    assert!(!lines.iter().any(|line| line["node"] == "admin"), "{lines:#?}");
}

#[test]
fn the_admin_endpoint_answers_wrong_requests_as_http_says() {
    let mut process = Process::listening(&config("", "type = \"null\"", ""));
    let address = process.address("admin", 0);
    let (status, _, body) = process.ask("/metricz");
    assert_eq!(
        (status, body.as_str()),
        (
            404,
            "no such page: /livez /readyz /metrics /status /status/cardinality /why/TRACE_ID\n"
        )
    );
    assert_eq!(process.ask("/status/cardinality?by=size").0, 400);
    assert_eq!(process.ask("/why/7").0, 400);
    let (status, _, body) = process.ask("/why/0af7651916cd43dd8448eb211c80319c");
    assert_eq!(status, 404);
    assert!(body.contains("no processor knows of this trace"), "{body}");
    let (status, head, _) = support::exchange(
        address,
        "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(status, 405);
    assert!(head.contains("\r\nallow: get, head"), "{head}");
    let (status, head, body) = support::exchange(
        address,
        "HEAD /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert_eq!((status, body.as_str()), (200, ""));
    assert!(head.contains("content-type: application/json"), "{head}");
    let (status, _, _) = support::exchange(address, "no such protocol\r\n\r\n");
    assert_eq!(status, 400);
    assert_eq!(get(address, "/", "").0, 200);
}

#[test]
fn without_a_limiter_there_is_nothing_to_say_of_cardinality() {
    let mut process = Process::listening(&default_config());
    let (status, head, body) = process.ask("/status/cardinality?top=3&by=overflow&group=a%3Db");
    assert_eq!((status, &*body), (200, "[]\n"));
    assert!(head.contains("content-type: application/json"), "{head}");
    let address = process.address("admin", 0).to_string();
    let said = printed(&["cardinality", "--admin", &address, "--group", "service.name=a b"]);
    assert!(said.starts_with("no processor here limits cardinality"), "{said}");
    let said = printed(&["cardinality", "--admin", &address, "--by", "growth", "--json"]);
    assert_eq!(said, "[]\n");
}
