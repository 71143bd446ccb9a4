//! A system under test: its process, its addresses, its config.

use super::SystemSpec;
use crate::{Result, procfs};
use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A system must listen within this time.
const START_MAX: Duration = Duration::from_secs(20);
/// And end within this time of SIGTERM; then it is killed.
const STOP_MAX: Duration = Duration::from_secs(10);

/// A running system; it ends when this is dropped.
pub(super) struct System {
    child: Child,
    folder: TempDir,
    /// From the start of the process to the first connection taken.
    pub(super) start: Duration,
    pub(super) grpc: SocketAddr,
    pub(super) http: SocketAddr,
}

/// Values of placeholders.
pub(super) type Values = BTreeMap<String, String>;

impl System {
    /// Starts the system and waits until it listens on the address that will be used.
    pub(super) fn start(spec: &SystemSpec, mut values: Values, use_grpc: bool) -> Result<System> {
        let folder = tempfile::tempdir()?;
        let (grpc, http) = free_addresses()?;
        let own = std::env::current_exe()?;
        let mut add = |name: &str, value: String| {
            values.entry(name.to_owned()).or_insert(value);
        };
        add("self", own.display().to_string());
        add("forebay", own.with_file_name("forebay").display().to_string());
        add("listen_grpc", grpc.to_string());
        add("listen_http", http.to_string());
        add("directory", folder.path().display().to_string());
        if let Some(config) = &spec.config {
            let path = folder.path().join(format!("config.{}", spec.config_extension));
            fs::write(&path, fill(config, &values))?;
            values.insert("config".to_owned(), path.display().to_string());
        }
        let begun = Instant::now();
        let child = spawn(spec, &values, &folder)?;
        let mut system = System {
            child,
            folder,
            start: Duration::ZERO,
            grpc,
            http,
        };
        system.wait_until_listening(if use_grpc { grpc } else { http }, begun)?;
        Ok(system)
    }

    fn wait_until_listening(&mut self, address: SocketAddr, begun: Instant) -> Result<()> {
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("ended with {status} before it listened\n{}", self.log()).into());
            }
            if begun.elapsed() > START_MAX {
                return Err(format!("does not listen on {address}\n{}", self.log()).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.start = begun.elapsed();
        Ok(())
    }

    /// The end of what it has written to standard error.
    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails if the process has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => Err(format!("ended with {status} while it was measured\n{}", self.log()).into()),
            None => Ok(()),
        }
    }

    fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let pid = i32::try_from(self.pid())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        let told = Instant::now();
        while told.elapsed() < STOP_MAX {
            if self.child.try_wait()?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // A process that cannot be stopped is gone already.
        let _gone = self.stop();
    }
}

fn spawn(spec: &SystemSpec, values: &Values, folder: &TempDir) -> Result<Child> {
    let mut words = spec.command.split_whitespace().map(|word| fill(word, values));
    let program = words.next().ok_or("empty command")?;
    let mut command = Command::new(&program);
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(fs::File::create(folder.path().join("stdout"))?);
    command.stderr(fs::File::create(folder.path().join("stderr"))?);
    command.envs(spec.env.iter().map(|(name, value)| (name, fill(value, values))));
    command
        .spawn()
        .map_err(|error| format!("{program}: {error}").into())
}

/// Puts values in place of `{name}`; braces around anything else stay as they are.
fn fill(text: &str, values: &Values) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

/// Two free ports. Nothing holds them until the system binds them: another process could be faster.
fn free_addresses() -> Result<(SocketAddr, SocketAddr)> {
    let (first, second) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    Ok((first.local_addr()?, second.local_addr()?))
}

/// Samples of resident memory, in bytes: at most fifty per second.
#[derive(Default)]
pub(super) struct Memory(Vec<u64>);

/// Samples the resident memory of a process until the time is over.
pub(super) fn sample_memory(pid: u32, time: Duration) -> Memory {
    let end = Instant::now() + time;
    let mut samples = Vec::new();
    loop {
        samples.push(procfs::resident(pid).unwrap_or_default());
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Memory(samples);
        }
        std::thread::sleep(left.min(Duration::from_millis(20)));
    }
}

impl Memory {
    /// The largest sample.
    pub(super) fn most(&self) -> u64 {
        self.0.iter().copied().max().unwrap_or_default()
    }

    /// The samples of this time and of the time after it.
    pub(super) fn then(mut self, after: Memory) -> Memory {
        self.0.extend(after.0);
        self
    }

    /// The median of the last fifth of the samples over that of the first fifth, less one.
    pub(super) fn drift(&self) -> f64 {
        let fifth = self.0.len().div_ceil(5).max(1);
        let first = self.0.chunks(fifth).next();
        let last = self.0.rchunks(fifth).next();
        match (first.map(median), last.map(median)) {
            (Some(first), Some(last)) if first > 0 => last as f64 / first as f64 - 1.0,
            _ => f64::NAN,
        }
    }
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_kept() {
        let values = Values::from([("a".to_owned(), "1".to_owned())]);
        assert_eq!(fill("x{a}y { a = 2 } {b}", &values), "x1y { a = 2 } {b}");
    }

    #[test]
    fn memory_drifts_by_what_its_ends_differ() {
        let memory = Memory(vec![100, 104, 900, 108, 110]);
        assert_eq!((memory.most(), memory.drift()), (900, 110.0 / 100.0 - 1.0));
        let falling = Memory(vec![100; 10]).then(Memory(vec![50; 10]));
        assert_eq!(falling.drift(), -0.5);
        assert!(Memory::default().drift().is_nan());
    }

    #[test]
    fn a_system_that_ends_at_once_is_an_error_with_its_output() {
        let spec = SystemSpec::new("broken", "ls /does/not/exist");
        let error = System::start(&spec, Values::new(), true)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("before it listened") && error.contains("/does/not/exist"),
            "{error}"
        );
    }
}
