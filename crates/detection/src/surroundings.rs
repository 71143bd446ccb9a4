//! What a detector sees of the process and the machine.

use forebay_core::Clock;
use forebay_transport::client::{Network, SystemNetwork};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The longest file that is read, in bytes.
pub const FILE_MAX: u64 = 1 << 20;

/// What the kernel says of itself and the machine (POSIX, `uname`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uname {
    /// The operating system: `Linux`.
    pub system: String,
    /// The name of the machine in its network.
    pub node: String,
    /// The kernel's release: `6.8.0-45-generic`.
    pub release: String,
    /// How and when the kernel was made.
    pub version: String,
    /// The machine's architecture: `x86_64`.
    pub machine: String,
}

impl Uname {
    fn ask() -> Self {
        let uname = rustix::system::uname();
        let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
        Uname {
            system: text(uname.sysname()),
            node: text(uname.nodename()),
            release: text(uname.release()),
            version: text(uname.version()),
            machine: text(uname.machine()),
        }
    }
}

/// What a detector sees: environment variables, files, the kernel, the clock and the network. Detectors use nothing else, so that
/// tests can make all of it up. Cheap to clone: every clone is the same.
#[derive(Clone)]
pub struct Surroundings(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    variables: BTreeMap<String, String>,
    root: PathBuf,
    pid: u32,
    uname: Option<Uname>,
    clock: Clock,
    network: Arc<dyn Network>,
}

impl Surroundings {
    /// Those of this process: the environment that it was started with, its machine and the machine's network.
    pub fn of_this_process(clock: Clock) -> Self {
        let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Surroundings(Arc::new(Inner {
            variables: std::env::vars_os().filter_map(readable).collect(),
            root: PathBuf::from("/"),
            pid: std::process::id(),
            uname: None,
            clock,
            network: Arc::new(SystemNetwork),
        }))
    }

    /// Some that are made up: no environment variables, the files below `root`, process 1 on a machine without a name, and the
    /// machine's own network.
    pub fn made_up(root: impl Into<PathBuf>, clock: Clock) -> Self {
        Surroundings(Arc::new(Inner {
            variables: BTreeMap::new(),
            root: root.into(),
            pid: 1,
            uname: Some(Uname::default()),
            clock,
            network: Arc::new(SystemNetwork),
        }))
    }

    /// The same with these environment variables and no others.
    pub fn with_variables<'a>(self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let variables = variables.into_iter().map(owned).collect();
        self.with(|inner| inner.variables = variables)
    }

    /// The same with another answer of the kernel.
    pub fn with_uname(self, uname: Uname) -> Self {
        self.with(|inner| inner.uname = Some(uname))
    }

    /// The same in another network.
    pub fn with_network(self, network: Arc<dyn Network>) -> Self {
        self.with(|inner| inner.network = network)
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Surroundings(Arc::new(inner))
    }

    /// The value of an environment variable. One that is empty is none (OpenTelemetry specification, "Environment Variable
    /// Specification", "Parsing empty value"). What is not UTF-8 in it is U+FFFD.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.0
            .variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The id of this process.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// What the kernel says of itself and the machine, now.
    pub fn uname(&self) -> Uname {
        self.0.uname.clone().unwrap_or_else(Uname::ask)
    }

    /// The clock to wait by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The network to ask in.
    pub fn network(&self) -> &Arc<dyn Network> {
        &self.0.network
    }

    /// The text of the file at `path`, which is absolute. Nothing: there is none. What is not UTF-8 in it is U+FFFD. Blocks.
    ///
    /// # Errors
    ///
    /// In words, with the path: if it cannot be read, is no regular file, or is longer than [`FILE_MAX`].
    pub fn read(&self, path: &str) -> Result<Option<String>, String> {
        absent_or(path, read(&self.below_root(path)))
    }

    /// Where the link at `path`, which is absolute, points to. Nothing: there is none. Blocks.
    ///
    /// # Errors
    ///
    /// In words, with the path: if it cannot be read or is no link.
    pub fn read_link(&self, path: &str) -> Result<Option<PathBuf>, String> {
        absent_or(path, std::fs::read_link(self.below_root(path)))
    }

    /// The names in the directory at `path`, which is absolute, in their order. Nothing: there is none. Blocks.
    ///
    /// # Errors
    ///
    /// In words, with the path: if it cannot be read.
    pub fn list(&self, path: &str) -> Result<Option<Vec<String>>, String> {
        let names = |directory: std::fs::ReadDir| -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in directory.take(ENTRIES_MAX) {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            names.sort();
            Ok(names)
        };
        absent_or(path, std::fs::read_dir(self.below_root(path)).and_then(names))
    }

    /// The user and the group that own what is at `path`, which is absolute, by number. Nothing: there is none. Blocks.
    ///
    /// # Errors
    ///
    /// In words, with the path: if it cannot be looked at.
    pub fn owner(&self, path: &str) -> Result<Option<(u32, u32)>, String> {
        use std::os::unix::fs::MetadataExt;
        let owner = std::fs::metadata(self.below_root(path)).map(|data| (data.uid(), data.gid()));
        absent_or(path, owner)
    }

    fn below_root(&self, path: &str) -> PathBuf {
        self.0.root.join(path.trim_start_matches('/'))
    }
}

impl fmt::Debug for Surroundings {
    /// Without the environment: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("root", &self.0.root)
            .finish_non_exhaustive()
    }
}

/// The most names of a directory that are looked at.
const ENTRIES_MAX: usize = 1024;

/// What was read; nothing where there is nothing at all.
fn absent_or<T>(path: &str, read: io::Result<T>) -> Result<Option<T>, String> {
    match read {
        Ok(content) => Ok(Some(content)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(format!("cannot read {path}: {error}")),
    }
}

fn read(path: &Path) -> io::Result<String> {
    // Asked before it is opened: opening a pipe waits for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "this is not a regular file",
        ));
    }
    let mut content = Vec::new();
    File::open(path)?.take(FILE_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > FILE_MAX {
        let words = format!("it is longer than {FILE_MAX} bytes");
        return Err(io::Error::new(ErrorKind::FileTooLarge, words));
    }
    Ok(String::from_utf8(content)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
