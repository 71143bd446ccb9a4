//! The built binary at work: started with a config, its log read, its admin endpoint asked.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "shared by several tests, none of which needs all of it; a test fails by panicking"
)]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Long enough for anything here on a busy machine; what takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary.
pub(crate) fn forebay() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command.env_remove("NO_COLOR");
    command
}

/// Runs a command to its end.
pub(crate) fn output(words: &[&str]) -> Output {
    forebay().args(words).stdin(Stdio::null()).output().unwrap()
}

/// What a command prints; it must succeed.
pub(crate) fn printed(words: &[&str]) -> String {
    let output = output(words);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A running Forebay. Killed when it is let go.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<Value>,
    seen: Vec<Value>,
    _folder: tempfile::TempDir,
}

impl Process {
    /// Starts with a config.
    pub(crate) fn start(config: &str) -> Process {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("forebay.toml");
        std::fs::write(&file, config).unwrap();
        let mut child = forebay()
            .args(["run", "--config", file.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = sync_channel(10_000);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Process {
            child,
            lines,
            seen: Vec::new(),
            _folder: folder,
        }
    }

    /// Waits until it listens everywhere: the admin endpoint is announced last.
    pub(crate) fn listening(config: &str) -> Process {
        let mut process = Process::start(config);
        process.line(|line| line["message"] == "listening" && line["node"] == "admin");
        process
    }

    /// The first line of its log that `wanted` holds for, waiting for it if need be.
    pub(crate) fn line(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(line) = self.seen.iter().find(|line| wanted(line)) {
            return line.clone();
        }
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("the line never came; those before: {:#?}", self.seen);
            };
            self.seen.push(line.clone());
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Waits for the line with this message.
    pub(crate) fn says(&mut self, message: &str) -> Value {
        self.line(|line| line["message"] == message)
    }

    /// All lines of its log until its end.
    pub(crate) fn rest(mut self) -> Vec<Value> {
        self.wait();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        std::mem::take(&mut self.seen)
    }

    /// The address that a node listens on, the nth that it announced.
    pub(crate) fn address(&mut self, node: &str, nth: usize) -> SocketAddr {
        let of_node = |line: &&Value| line["message"] == "listening" && line["node"] == node;
        let line = self.seen.iter().filter(of_node).nth(nth).unwrap();
        line["address"].as_str().unwrap().parse().unwrap()
    }

    /// What the admin endpoint answers: status, headers, body.
    pub(crate) fn ask(&mut self, path: &str) -> (u16, String, String) {
        let address = self.address("admin", 0);
        get(address, path, "")
    }

    /// The state of the graph.
    pub(crate) fn status(&mut self) -> Value {
        serde_json::from_str(&self.ask("/status").2).unwrap()
    }

    /// Waits until the state of the graph is as wanted.
    pub(crate) fn status_until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = std::time::Instant::now();
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it never came to that: {status:#}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends one span to the HTTP server of the receiver `otlp`; gives the status of the answer.
    pub(crate) fn send_span(&mut self) -> u16 {
        let address = self.address("otlp", 1);
        let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
            "spanId":"eee19b7ec3c1b174","name":"x","kind":1,"startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}"#;
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        exchange(address, &format!("{head}{body}")).0
    }

    /// Sends it SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// GET over plain TCP.
pub(crate) fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, String, String) {
    exchange(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}Connection: close\r\n\r\n"),
    )
}

/// Sends a request; gives status, headers and body of the answer.
pub(crate) fn exchange(address: SocketAddr, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// A config with ports that the system chooses: OTLP in, `exporter` (the keys of `[exporters.out]`) out.
pub(crate) fn config(receiver: &str, exporter: &str, rest: &str) -> String {
    format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n\n[receivers.otlp]\ngrpc.listen = \"127.0.0.1:0\"\n\
         http.listen = \"127.0.0.1:0\"\n{receiver}\n\n[exporters.out]\n{exporter}\n\n[pipelines.all]\n\
         from = [\"otlp\"]\nto = [\"out\"]\n\n[runtime]\nthreads = 2\n\n{rest}\n"
    )
}

/// A config whose destination takes connections and never answers.
pub(crate) fn config_into_the_void(void: SocketAddr, deadline: &str) -> String {
    config(
        "acknowledge = \"accepted\"",
        &format!("type = \"otlp_grpc\"\nendpoint = \"http://{void}\""),
        &format!("[shutdown]\ndeadline = \"{deadline}\""),
    )
}
