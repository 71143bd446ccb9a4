//! The process under test.

use super::{PATIENCE, binary};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::watch;

/// A running `forebay`, killed when it goes out of scope.
pub(crate) struct Forebay {
    child: Child,
    lines: watch::Receiver<Vec<String>>,
    _folder: Option<TempDir>,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) took: Duration,
    pub(crate) log: Vec<String>,
}

/// `[admin]` on a free port, for configs.
pub(crate) const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n";

/// A receiver of both protocols on free ports, for configs. Keys may follow.
pub(crate) const RECEIVER: &str =
    "[receivers.otlp]\ngrpc.listen = \"127.0.0.1:0\"\nhttp.listen = \"127.0.0.1:0\"\n";

/// [`RECEIVER`] on an address that nobody else uses: for a process that is still sent to when it has ended.
pub(crate) fn receiver_of_its_own() -> String {
    RECEIVER.replace("127.0.0.1", &forebay_testkit::own_address().to_string())
}

impl Forebay {
    /// Starts it with a config and waits until it listens everywhere.
    pub(crate) async fn start(config: &str) -> Forebay {
        let mut forebay = Forebay::spawn(config);
        forebay.until_started().await;
        forebay
    }

    /// Starts it with a config in a file.
    pub(crate) fn spawn(config: &str) -> Forebay {
        Forebay::spawn_in(config, &[])
    }

    /// The same with these environment variables.
    pub(crate) fn spawn_in(config: &str, variables: &[(&str, &str)]) -> Forebay {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("forebay.toml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(binary::path());
        command.arg("run").arg("--config").arg(&file);
        command.envs(variables.iter().copied());
        Forebay::launch(command, Some(folder))
    }

    /// Starts it with a config in an environment variable.
    pub(crate) fn spawn_with_variable(config: &str) -> Forebay {
        let mut command = Command::new(binary::path());
        command
            .args(["run", "--config", "env:FOREBAY_CONFIG"])
            .env("FOREBAY_CONFIG", config);
        Forebay::launch(command, None)
    }

    /// Starts it with a config, in a process that may open at most `files` files, and waits until it listens everywhere.
    pub(crate) async fn start_with_files(config: &str, files: u64) -> Forebay {
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                &format!("ulimit -n {files} && exec \"$0\" run --config env:FOREBAY_CONFIG"),
            ])
            .arg(binary::path())
            .env("FOREBAY_CONFIG", config);
        let mut forebay = Forebay::launch(command, None);
        forebay.until_started().await;
        forebay
    }

    /// Starts it with a command of the test's own.
    pub(crate) fn launch(mut command: Command, folder: Option<TempDir>) -> Forebay {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = child.stderr.take().unwrap();
        let (sender, lines) = watch::channel(Vec::new());
        std::thread::spawn(move || keep_lines(errors, &sender));
        Forebay {
            child,
            lines,
            _folder: folder,
        }
    }

    /// Waits until it listens everywhere: the line about the graph at work is the last of the start.
    pub(crate) async fn until_started(&mut self) {
        let started = |lines: &Vec<String>| lines.iter().any(|line| line.contains("\"node\":\"admin\""));
        let waiting = tokio::time::timeout(PATIENCE, self.lines.wait_for(started));
        let in_time = matches!(waiting.await, Ok(Ok(_)));
        assert!(in_time, "it does not start: {:#?}", self.log());
    }

    /// What of its log has been read so far, for words of tests that fail. What it logs goes its own way, through a pipe: whoever asks
    /// for a line waits with [`Forebay::until_logged`].
    pub(crate) fn log(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// The first line with this in it, once it is there.
    pub(crate) async fn until_logged(&self, words: &str) -> String {
        let found = |lines: &Vec<String>| lines.iter().any(|line| line.contains(words));
        let mut lines = self.lines.clone();
        let waiting = tokio::time::timeout(PATIENCE, lines.wait_for(found)).await;
        let Ok(Ok(lines)) = waiting else {
            panic!("it does not log `{words}`: {:#?}", self.log())
        };
        let line = lines.iter().find(|line| line.contains(words));
        line.cloned().unwrap_or_default()
    }

    /// The addresses that a node listens on, in the order of its log.
    pub(crate) fn addresses(&self) -> BTreeMap<String, Vec<SocketAddr>> {
        let mut found: BTreeMap<String, Vec<SocketAddr>> = BTreeMap::new();
        for line in self.lines.borrow().iter() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            if let (Some(node), Some(address)) = (line["node"].as_str(), line["address"].as_str()) {
                found
                    .entry(node.to_owned())
                    .or_default()
                    .push(address.parse().unwrap());
            }
        }
        found
    }

    /// The nth address that a node listens on.
    pub(crate) fn address(&self, node: &str, index: usize) -> SocketAddr {
        self.addresses()[node][index]
    }

    /// Where the receiver `otlp` takes gRPC.
    pub(crate) fn grpc(&self) -> SocketAddr {
        self.address("otlp", 0)
    }

    /// Where the receiver `otlp` takes HTTP.
    pub(crate) fn http(&self) -> SocketAddr {
        self.address("otlp", 1)
    }

    /// The admin endpoint.
    pub(crate) fn admin(&self) -> SocketAddr {
        self.address("admin", 0)
    }

    fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM).unwrap();
    }

    /// Resident memory now, in bytes (proc_pid_status(5)).
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kibibytes * 1024
    }

    /// Processor time so far, of all threads, in user mode and in the kernel (proc_pid_stat(5)). Counted in hundredths of a
    /// second.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name, the second field, stands in parentheses and may have spaces.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().unwrap());
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    /// Waits for its end, and all of its log.
    pub(crate) async fn end(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {:#?}", self.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        // The channel closes when the reader has read everything.
        while self.lines.changed().await.is_ok() {}
        Ended {
            status,
            took: began.elapsed(),
            log: self.log(),
        }
    }
}

impl Drop for Forebay {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The fields of the first line with this message.
    pub(crate) fn line(&self, message: &str) -> Value {
        let mut lines = self
            .log
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = lines.find(|line| line["message"] == message);
        found.unwrap_or_else(|| panic!("no line `{message}`: {:#?}", self.log))
    }
}

fn keep_lines(errors: impl Read, sender: &watch::Sender<Vec<String>>) {
    for line in BufReader::new(errors).lines() {
        let Ok(line) = line else { return };
        sender.send_modify(|lines| lines.push(line));
    }
}
