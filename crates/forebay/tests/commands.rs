//! Every command but `run`, through the built binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread::JoinHandle;
use support::{forebay, output, printed, root};

/// A config in a file of its own, and the words that name it.
struct Config(tempfile::NamedTempFile);

impl Config {
    fn new(text: &str) -> Config {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config(file)
    }

    fn printed(&self, command: &str, more: &[&str]) -> String {
        let path = self.0.path().to_str().unwrap();
        printed(&[&[command, "--config", path], more].concat())
    }
}

const GRAPH: &str = r#"
[memory]
budget = "256MiB"

[receivers.otlp]

[receivers.fast]
type = "otlp"
acknowledge = "accepted"

[processors.tidy]
type = "attributes"
resource = [{ action = "delete", key = "a" }]

[exporters.backend]
type = "otlp_grpc"
endpoint = "${env:NOWHERE:-http://localhost:4317}"
headers = { authorization = "Bearer hunter2" }
queue.max_bytes = "64MiB"

[exporters.null]

[pipelines.in]
from = ["otlp", "fast.logs"]
via = ["tidy"]
to = ["backend"]

[pipelines.logs]
from = ["in.logs"]
to = ["null"]
"#;

#[test]
fn validate_tells_what_a_config_promises() {
    let text = Config::new(GRAPH).printed("validate", &[]);
    let expected = "\
The config is valid.

When senders are told that all is well:
  receiver `otlp`
    traces, metrics: when `backend` has it
        a crash loses nothing of what was acknowledged
    logs: when `backend` and `null` have it
        a crash loses nothing of what was acknowledged
  receiver `fast`
    logs: as soon as the data is in memory
        a crash loses the memory queue of exporter `backend`, the memory queue of exporter `null`

Memory:
     256.0 MiB  budget of the process
     179.2 MiB  of it for data, of which may be held by
      64.0 MiB    exporters.backend queue
";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("    exporters.null queue\n"), "{text}");
    assert!(text.ends_with("  in all\n"), "{text}");
}

#[test]
fn validate_speaks_json_and_github() {
    let config = Config::new(GRAPH);
    let report: Value = serde_json::from_str(&config.printed("validate", &["--format", "json"])).unwrap();
    assert_eq!(report["valid"], true);
    assert_eq!(report["receivers"][0]["receiver"], "otlp");
    assert_eq!(report["receivers"][0]["acknowledged"]["by"], "all");
    assert_eq!(report["receivers"][2]["acknowledged"]["by"], "receiver");
    assert_eq!(report["memory"]["budget_bytes"], 256 << 20);
    let lines = report["memory"]["bounds"].as_array().unwrap();
    let sum: u64 = lines.iter().map(|line| line["bytes"].as_u64().unwrap()).sum();
    assert_eq!(report["memory"]["bounds_total_bytes"], sum);
    // `fast` gives only its logs: a warning, which is no error unless it is taken for one.
    assert_eq!(report["diagnostics"][0]["severity"], "warning");
    let github = config.printed("validate", &["--format", "github"]);
    assert!(github.starts_with("::warning file="), "{github}");
    let path = config.0.path().to_str().unwrap();
    let denied = output(&[
        "validate",
        "--deny-warnings",
        "--format",
        "json",
        "--config",
        path,
    ]);
    assert_eq!(denied.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&denied.stdout).unwrap();
    assert_eq!(report["valid"], false);
    assert_eq!(report["receivers"], Value::Null);
}

#[test]
fn every_config_in_the_repository_is_valid() {
    let mut files = 0;
    for entry in std::fs::read_dir(root().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "toml") {
            printed(&["validate", "--deny-warnings", "--config", path.to_str().unwrap()]);
            files += 1;
        }
    }
    assert!(files > 0);
}

#[test]
fn without_a_config_the_embedded_default_is_meant() {
    let text = printed(&["graph"]);
    assert_eq!(
        text,
        "receiver otlp (otlp)\n    all signals -> debug\nexporter debug (debug)\n"
    );
}

#[test]
fn the_graph_comes_in_four_forms() {
    let config = Config::new(GRAPH);
    let text = config.printed("graph", &[]);
    assert!(
        text.contains("receiver fast (otlp)\n    logs -> tidy\n"),
        "{text}"
    );
    let dot = config.printed("graph", &["--format", "dot"]);
    assert!(dot.starts_with("digraph forebay {\n") && dot.ends_with("}\n"));
    assert!(
        dot.contains("  \"tidy\" -> \"null\" [label=\"logs\"];\n"),
        "{dot}"
    );
    let mermaid = config.printed("graph", &["--format", "mermaid"]);
    assert!(
        mermaid.starts_with("flowchart LR\n  n0([\"otlp<br/>otlp\"])\n"),
        "{mermaid}"
    );
    assert!(mermaid.contains("  n2 -->|\"logs\"| n4\n"), "{mermaid}");
    let svg = config.printed("graph", &["--format", "svg"]);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("class=\"edge\"").count(), 4);
    for name in ["otlp", "fast", "tidy", "backend", "null"] {
        assert!(svg.contains(&format!(">{name}</text>")), "{name}");
    }
}

#[test]
fn config_shows_defaults_origins_and_no_secret() {
    let text = Config::new(GRAPH).printed("config", &[]);
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("headers.authorization = \"***\"  # "), "{text}");
    assert!(text.contains("budget = \"256MiB\"  # "), "{text}");
    assert!(text.contains("timeout = \"10s\"  # default"), "{text}");
    let endpoint = text.lines().find(|line| line.starts_with("endpoint")).unwrap();
    assert!(
        endpoint.starts_with("endpoint = \"http://localhost:4317\"  # ") && endpoint.contains("NOWHERE"),
        "{endpoint}"
    );
}

#[test]
fn components_are_listed_and_explained() {
    let list = printed(&["components"]);
    assert!(list.contains("\nexporters\n"), "{list}");
    let all: Value = serde_json::from_str(&printed(&["components", "--format", "json"])).unwrap();
    for component in all.as_array().unwrap() {
        let kind = component["type"].as_str().unwrap();
        assert!(list.contains(&format!("  {kind} ")), "{kind}");
        assert!(!component["summary"].as_str().unwrap().is_empty(), "{kind}");
        for key in component["keys"].as_array().unwrap() {
            let path = key["path"].as_str().unwrap();
            assert!(
                !key["meaning"].as_str().unwrap().is_empty(),
                "{kind}: `{path}` is not explained"
            );
            assert_ne!(key["type"], "value", "{kind}: what is `{path}`?");
        }
    }
    let text = printed(&["components", "otlp_grpc"]);
    assert!(text.contains("  endpoint  (string, required)\n"), "{text}");
    assert!(
        text.contains("  queue.max_items  (integer, default 1000000)\n"),
        "{text}"
    );
    let unknown = output(&["components", "otlp_grcp"]);
    assert_eq!(unknown.status.code(), Some(2));
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(said.contains("did you mean `otlp_grpc`?"), "{said}");
}

#[test]
fn the_schema_knows_every_component() {
    let schema: Value = serde_json::from_str(&printed(&["schema"])).unwrap();
    let definitions = schema["definitions"].as_object().unwrap();
    let all: Value = serde_json::from_str(&printed(&["components", "--format", "json"])).unwrap();
    for component in all.as_array().unwrap() {
        let name = format!(
            "{}.{}",
            component["role"].as_str().unwrap(),
            component["type"].as_str().unwrap()
        );
        assert!(definitions.contains_key(&name), "{name}");
    }
}

#[test]
fn metrics_lists_the_catalogue() {
    let metrics: Value = serde_json::from_str(&printed(&["metrics", "--format", "json"])).unwrap();
    let names: Vec<&str> = metrics
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| metric["name"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), forebay_telemetry::catalog::all().count());
    let text = printed(&["metrics"]);
    for name in names {
        assert!(text.contains(&format!("{name}{{")), "{name}");
    }
}

#[test]
fn the_manual_and_the_completions_name_every_command() {
    let manual = printed(&["man"]);
    let bash = printed(&["completions", "bash"]);
    assert!(manual.starts_with(".ie "), "{manual}");
    for command in [
        "run",
        "validate",
        "graph",
        "components",
        "schema",
        "config",
        "health",
        "cardinality",
        "metrics",
        "completions",
        "man",
    ] {
        assert!(bash.contains(command), "{command}");
        assert!(manual.contains(command), "{command}");
    }
    let help = printed(&["--help"]);
    assert!(help.contains("130  ended at once by a second signal"), "{help}");
    let version = printed(&["--version"]);
    assert_eq!(version, format!("forebay {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn health_of_nobody_is_1_and_a_wrong_command_line_2() {
    // A port that was free a moment ago: nobody listens on it.
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let nobody = output(&["health", "--admin", &address]);
    assert_eq!(nobody.status.code(), Some(1));
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert!(said.contains(&address), "{said}");
    assert_eq!(output(&["health", "--admin", "nowhere"]).status.code(), Some(2));
    assert_eq!(output(&["fly"]).status.code(), Some(2));
    assert_eq!(output(&["why", "0af7"]).status.code(), Some(2));
    for wrong in [["--top", "0"], ["--top", "101"], ["--by", "size"]] {
        let code = output(&["cardinality", wrong[0], wrong[1]]).status.code();
        assert_eq!(code, Some(2), "{wrong:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    // The schema is larger than what a pipe holds, so that writing it meets the closed end.
    let mut child = forebay()
        .args(["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

/// Answers one request with `status` and `body`; gives the address, and what was asked for.
fn endpoint(status: &'static str, body: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let length = stream.read(&mut request).unwrap();
        let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request[..length].to_vec()).unwrap()
    });
    (address, asked)
}

#[test]
fn cardinality_asks_the_endpoint_and_says_what_it_says() {
    const REPORT: &str = r#"[{"node": "limit", "live_series": 20, "used_bytes": 100, "max_bytes": 4096, "metrics_known": 1, "groups_known": 0,
        "metrics": [{"metric": "a.b", "group": "g=1", "kind": "sum", "action": "fold", "live": 20, "limit": 20, "new_per_minute": 2.5,
        "folded": 7, "overflowing": true, "attributes": [{"keys": ["id"], "values": 40, "remaining": 1, "saved": 26, "examples": ["x"]}]}]}]"#;
    let (address, asked) = endpoint("200 OK", REPORT);
    let question = ["--by", "overflow", "--top", "5", "--group", "g=1 & more"];
    let said = printed(&[&["cardinality", "--admin", &address], &question[..]].concat());
    let request = asked.join().unwrap();
    let first = request.lines().next().unwrap();
    assert_eq!(
        first,
        "GET /status/cardinality?top=5&by=overflow&group=g%3D1%20%26%20more HTTP/1.1"
    );
    assert!(
        said.contains("limit: 20 series live; memory: 100 B of 4.0 KiB\n"),
        "{said}"
    );
    assert!(
        said.ends_with("  rules = [{ metric = \"a.b\", drop = [\"id\"] }]\n"),
        "{said}"
    );
}

#[test]
fn cardinality_says_what_is_wrong_with_an_answer() {
    for (status, body, words) in [
        ("400 Bad Request", "not so\n", ": not so\n"),
        (
            "404 Not Found",
            "no such page: /livez\n",
            ": no such page: /livez\n",
        ),
        ("200 OK", "no json", ": expected"),
    ] {
        let (address, asked) = endpoint(status, body);
        let failed = output(&["cardinality", "--admin", &address]);
        asked.join().unwrap();
        let said = String::from_utf8(failed.stderr).unwrap();
        assert_eq!(
            (failed.status.code(), failed.stdout.len()),
            (Some(1), 0),
            "{said}"
        );
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn what_cardinality_advises_is_a_config() {
    const METRIC: &str = r#""kind": "sum", "action": "fold", "live": 20, "limit": 20, "new_per_minute": 2, "folded": 7, "overflowing": true"#;
    const VALUE: &str = r#""service": "shop", "live": 9, "limit": 9, "overflowed": 3"#;
    let report = |parts: &str| {
        format!(
            r#"[{{"node": "limit", "live_series": 20, "used_bytes": 1, "max_bytes": 2, "metrics_known": 1, "groups_known": 0, {parts}}}]"#
        )
    };
    let metric = |name: &str, attributes: &str| {
        report(&format!(
            r#""metrics": [{{"metric": "{name}", "group": "g", {METRIC}, "attributes": [{attributes}]}}]"#
        ))
    };
    let value = |signal: &str, key: &str| {
        report(&format!(
            r#""values": [{{"signal": "{signal}", "key": "{key}", {VALUE}}}]"#
        ))
    };
    let attribute = |keys: &str| {
        format!(r#"{{"keys": [{keys}], "values": 40, "remaining": 1, "saved": 26, "examples": ["/x/1"]}}"#)
    };
    let known = r#"{"keys": ["route"], "values": 2, "remaining": 20, "saved": 1, "examples": []}"#;
    for (answer, expected) in [
        (
            metric("a.b", &attribute(r#""id""#)),
            vec![
                "rules = [{ metric = \"a.b\", drop",
                "rules = [{ metric = \"a.b\", template",
            ],
        ),
        (
            metric("glob:a*", &attribute(r#""a\"b", "c${d}""#)),
            vec!["rules = [{ metric = \"exact:glob:a*\"", "rules = "],
        ),
        (
            metric("a.b", &format!("{}, {known}", attribute(r#""(other)""#))),
            vec!["rules = [{ metric = \"a.b\", keep"],
        ),
        (metric("a.b", ""), vec!["overrides = "]),
        (value("traces", "name"), vec!["spans.names = "]),
        (value("traces", "url.path"), vec!["spans.attributes = "]),
        (value("logs", "name"), vec!["logs.attributes = "]),
    ] {
        let (address, asked) = endpoint("200 OK", answer.leak());
        let said = printed(&["cardinality", "--admin", &address]);
        asked.join().unwrap();
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(" = ")).collect();
        assert_eq!(lines.len(), expected.len(), "{said}");
        for (line, begin) in lines.iter().zip(expected) {
            assert!(line.trim_start().starts_with(begin), "{line}");
            Config::new(&format!(
                "[receivers.otlp]\n[processors.limit]\ntype = \"cardinality_limit\"\n{line}\n[exporters.null]\n\
                 [pipelines.all]\nfrom = [\"otlp\"]\nvia = [\"limit\"]\nto = [\"null\"]\n"
            ))
            .printed("validate", &[]);
        }
    }
}
