//! Secrets that are planted everywhere where there may be one are found nowhere.

use crate::support::forebay::ADMIN;
use crate::support::tls::Authority;
use crate::support::{Export, Forebay, Session, Sink, Wire, admin, binary, eventually};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_core::registry::Registry;
use forebay_core::{Section, Signal, Source};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Every planted secret has this in it, and nothing else has.
const MARK: &str = "pl4nted";

/// All that a secret can look like in a text: as it is, and in base64 at each of the three places that it can begin at.
fn forms(secret: &str) -> Vec<String> {
    let shifted = |shift: usize| {
        let encoded = STANDARD.encode(format!("{}{secret}", "x".repeat(shift)));
        // What depends on the neighbours is left out at both ends.
        let from = (shift * 8).div_ceil(6);
        encoded[from..encoded.trim_end_matches('=').len() - 2].to_owned()
    };
    [secret.to_owned()]
        .into_iter()
        .chain((0..3).map(shifted))
        .collect()
}

/// The lines of a key that hold key.
fn key_lines(pem: &str) -> Vec<String> {
    let lines = pem
        .lines()
        .filter(|line| !line.starts_with("---") && line.len() > 8);
    lines.map(str::to_owned).collect()
}

/// What must not be found.
struct Planted {
    needles: Vec<String>,
}

impl Planted {
    fn new(keys: &[&str]) -> Planted {
        let keys = keys.iter().flat_map(|key| key_lines(key));
        Planted {
            needles: forms(MARK).into_iter().chain(keys).collect(),
        }
    }

    fn assert_not_in(&self, place: &str, text: &str) {
        assert!(!text.is_empty(), "{place} is there to be looked at");
        for needle in &self.needles {
            let found = text.lines().find(|line| line.contains(needle));
            assert_eq!(found, None, "{needle} is in {place}");
        }
    }
}

/// An authorization server that gives a planted token, and repeats what it was asked when it refuses.
async fn authorization_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for turn in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let (status, body) = match turn {
                0 => {
                    let said = String::from_utf8_lossy(&request[..length]);
                    let said = serde_json::json!({ "error": said, "error_description": MARK });
                    ("401 Unauthorized", said.to_string())
                }
                _ => {
                    let token = format!(
                        r#"{{"access_token":"{MARK}-access","token_type":"Bearer","expires_in":60}}"#
                    );
                    ("200 OK", token)
                }
            };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    port
}

/// A config with a secret in every place that takes one.
fn config(authority: &Authority, sink: &Sink, authorization: u16) -> String {
    let folder = authority.folder().display();
    authority.write("token", &format!("{MARK}-token-file\n"));
    authority.write("password", &format!("{MARK}-password-file\n"));
    let inline = authority.issue("localhost");
    authority.write("inline.key", &inline.key);
    format!(
        "[log]
        level = \"trace\"
        {ADMIN}
        [receivers.otlp]
        grpc = {{ listen = \"127.0.0.1:0\", tls = {{ {server} }} }}
        http.listen = \"127.0.0.1:0\"
        [receivers.otlp.http.tls]
        cert_pem = '''
{cert}'''
        key_pem = '''
{key}'''
        [receivers.otlp.auth]
        bearer = [{{ token = \"{MARK}-token\" }}, {{ token_file = \"{folder}/token\" }}, {{ token = \"${{env:FOREBAY_TEST_TOKEN}}\" }}]
        basic = [{{ username = \"alice\", password = \"{MARK}-password\" }}, {{ username = \"bob\", password_file = \"{folder}/password\" }}]
        [exporters.plain]
        type = \"otlp_http\"
        endpoint = \"http://{http}\"
        headers = {{ x-api-key = \"{MARK}-header\", x-other = \"${{file:{folder}/token}}\" }}
        auth = {{ bearer_token = \"{MARK}-exporter\" }}
        [exporters.oauth2]
        type = \"otlp_grpc\"
        endpoint = \"http://{grpc}\"
        [exporters.oauth2.auth.oauth2]
        token_url = \"http://127.0.0.1:{authorization}/token\"
        client_id = \"forebay\"
        client_secret = \"{MARK}-client\"
        endpoint_params = {{ resource = \"{MARK}-parameter\" }}
        [exporters.basic]
        type = \"otlp_grpc\"
        endpoint = \"http://{grpc}\"
        headers = {{ x-api-key = \"{MARK}-header\" }}
        auth = {{ basic = {{ username = \"carol\", password_file = \"{folder}/password\" }} }}
        [exporters.refused]
        type = \"otlp_http\"
        endpoint = \"https://localhost:{refused}\"
        tls = {{ ca_file = \"{folder}/ca.crt\", cert_pem = '''{cert}''', key_pem = '''{key}''' }}
        auth = {{ basic = {{ username = \"dave\", password = \"{MARK}-word\" }} }}
        retry.enabled = false
        [pipelines.all]
        from = [\"otlp\"]
        to = [\"plain\", \"oauth2\", \"basic\"]
        [pipelines.logs]
        from = [\"otlp.logs\"]
        to = [\"refused\"]",
        server = authority.server(),
        cert = inline.cert,
        key = inline.key,
        http = sink.http(),
        grpc = sink.grpc(),
        refused = sink.http().port(),
    )
}

/// Runs a command of the binary over a config; all that it prints.
fn printed(words: &[&str], folder: &Path, config: &str) -> String {
    let file = folder.join("printed.toml");
    std::fs::write(&file, config).unwrap();
    let output = Command::new(binary::path())
        .args(words)
        .arg("--config")
        .arg(&file)
        .env("FOREBAY_TEST_TOKEN", format!("{MARK}-variable"))
        .env("RUST_BACKTRACE", "full")
        .output()
        .unwrap();
    let parts = [output.stdout, output.stderr];
    parts
        .map(|part| String::from_utf8_lossy(&part).into_owned())
        .concat()
}

/// Lets in and refuses, over every protocol.
async fn traffic(forebay: &Forebay, authority: &Authority) {
    let client = authority.client(None);
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let mut number = 1;
    for wire in Wire::ALL {
        let server = if wire == Wire::Grpc {
            forebay.grpc()
        } else {
            forebay.http()
        };
        for (header, taken) in [
            (format!("Bearer {MARK}-token"), true),
            (format!("Bearer {MARK}-token-file"), true),
            (format!("Bearer {MARK}-variable"), true),
            (format!("Bearer {MARK}-wrong"), false),
            (basic(&format!("alice:{MARK}-password")), true),
            (basic(&format!("bob:{MARK}-password-file")), true),
            (basic(&format!("alice:{MARK}-wrong")), false),
            (format!("{MARK}-no-scheme"), false),
        ] {
            for signal in [Signal::Traces, Signal::Logs] {
                let mut session = Session::open(server, wire, Some(&client)).await.unwrap();
                let request = Export::numbered(signal, number..number + 1);
                let said = session.send(&request, Some(&header)).await.unwrap();
                // Logs also go to where nobody takes them.
                let expected = taken && signal == Signal::Traces;
                assert_eq!(said.is_taken(wire), expected, "{wire:?} {header}: {said:?}");
                number += 1;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_process_shows_no_secret_at_the_finest_level() {
    let (authority, sink) = (Authority::new("ours"), Sink::counting());
    let config = config(&authority, &sink, authorization_server().await);
    let keys =
        ["server.key", "inline.key"].map(|name| std::fs::read_to_string(authority.path(name)).unwrap());
    let planted = Planted::new(&[&keys[0], &keys[1]]);
    let variable = format!("{MARK}-variable");
    let mut forebay = Forebay::spawn_in(&config, &[("FOREBAY_TEST_TOKEN", &variable)]);
    forebay.until_started().await;
    traffic(&forebay, &authority).await;
    // A change that cannot be used, and what is said of it.
    authority.write("token", &format!("{MARK}-one\u{7}{MARK}-two\n"));
    authority.write("server.key", &keys[0].replace("MIG", "M!G"));
    let degraded = async || {
        let status = admin::status(forebay.admin()).await.to_string();
        status.contains("control character") && status.contains("not base64")
    };
    eventually("what is wrong is said", degraded).await;
    for page in ["/metrics", "/status"] {
        let (_, text) = admin::page(forebay.admin(), page).await.unwrap();
        planted.assert_not_in(page, &text);
    }
    forebay.terminate();
    let log = forebay.end().await.log;
    let traced = |target: &str| {
        let of = format!("\"target\":\"{target}");
        log.iter()
            .any(|line| line.contains("\"level\":\"TRACE\"") && line.contains(&of))
    };
    assert!(traced("h2::"), "the log is at its finest");
    planted.assert_not_in("the log", &log.join("\n"));
}

#[tokio::test]
async fn commands_and_errors_show_no_secret() {
    let (authority, sink) = (Authority::new("ours"), Sink::counting());
    let right = config(&authority, &sink, 9);
    let keys =
        ["server.key", "inline.key"].map(|name| std::fs::read_to_string(authority.path(name)).unwrap());
    let planted = Planted::new(&[&keys[0], &keys[1]]);
    let folder = authority.folder();
    for words in [&["config"][..], &["validate"], &["graph"]] {
        planted.assert_not_in(&words.join(" "), &printed(words, folder, &right));
    }
    for (part, wrong) in [
        ("level = \"trace\"", "level = 7"),
        ("bearer = [{ token", "bearer = [{ nme = 1, token"),
        ("username = \"alice\"", "username = \"al:ice\""),
        ("username = \"alice\", ", ""),
        ("token = \"pl4nted-token\"", "token = [\"pl4nted-token\"]"),
        (
            "token = \"pl4nted-token\"",
            "token = \"pl4nted-token\", token_file = \"x\"",
        ),
        ("client_secret = ", "client_secret = 1\nclient_secret = "),
        ("key_pem = '''\n", "key_pem = 7 '''\n"),
        (
            "endpoint_params = {",
            "endpoint_params = { grant_type = \"pl4nted\",",
        ),
        (
            "headers = { x-api-key = \"pl4nted-header\"",
            "headers = { \"x api\" = \"pl4nted-header\"",
        ),
        (
            "headers = { x-api-key = \"pl4nted-header\"",
            "headers = { x-api-key = \"pl4nted-header\\n\"",
        ),
        ("auth = { bearer_token", "auth = { oauth = 1, bearer_token"),
        (
            "${env:FOREBAY_TEST_TOKEN}",
            "${env:FOREBAY_TEST_TOKEN}${env:FOREBAY_NOT_SET}",
        ),
        ("[pipelines.all]", "[pipelines.all"),
    ] {
        assert!(right.contains(part), "{part}");
        let wrong = right.replacen(part, wrong, 1);
        for words in [
            &["validate"][..],
            &["run"],
            &["config"],
            &["validate", "--format", "json"],
        ] {
            let text = printed(words, folder, &wrong);
            planted.assert_not_in(&format!("{words:?} of {part}"), &text);
        }
    }
    // Found out only at the start, where files are read.
    for (file, content) in [
        ("server.key", keys[0].replace("MIG", "M!G")),
        ("server.key", keys[1].clone()),
        ("token", format!("{MARK}\u{7}")),
        ("password", format!("{MARK}\n{MARK}\n")),
    ] {
        let before = std::fs::read_to_string(authority.path(file)).unwrap();
        authority.write(file, &content);
        let text = printed(&["run"], folder, &right);
        assert!(
            text.contains(&authority.path(file).display().to_string()),
            "{text}"
        );
        planted.assert_not_in(&format!("run with a wrong {file}"), &text);
        authority.write(file, &before);
    }
}

/// The worst that a panic could do is to print all that is at hand.
#[test]
fn what_a_panic_can_print_has_no_secret_in_it() {
    let (authority, sink) = (Authority::new("ours"), Sink::counting());
    let text = config(&authority, &sink, 9);
    let key = std::fs::read_to_string(authority.path("inline.key")).unwrap();
    let planted = Planted::new(&[&key]);
    let mut registry = Registry::default();
    forebay_receiver::register(&mut registry);
    forebay_exporter::register(&mut registry);
    let source = Arc::new(Source {
        name: "forebay.toml".into(),
        text,
    });
    let section = |path: [&str; 2]| {
        let path = path.map(str::to_owned).to_vec();
        Section::at(Arc::clone(&source), path, Arc::default()).without("type")
    };
    let receiver = section(["receivers", "otlp"]);
    let prepared = (registry.receivers["otlp"].prepare)(&receiver).unwrap();
    let mut texts = vec![format!("{receiver:?} {prepared:?} {:?}", prepared.resolved)];
    for (name, kind) in [
        ("plain", "otlp_http"),
        ("oauth2", "otlp_grpc"),
        ("basic", "otlp_grpc"),
        ("refused", "otlp_http"),
    ] {
        let exporter = section(["exporters", name]);
        let prepared = (registry.exporters[kind].prepare)(&exporter).unwrap();
        texts.push(format!("{exporter:?} {prepared:?} {:?}", prepared.resolved));
    }
    for text in texts {
        let outcome = std::panic::catch_unwind(|| std::panic::panic_any(text));
        let words = *outcome.unwrap_err().downcast::<String>().unwrap();
        planted.assert_not_in("a panic", &words);
    }
}
