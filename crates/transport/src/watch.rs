//! Small files that are read again when they change: certificates, keys, tokens. This is where the network touches files.
//!
//! A change is found by looking at the files' metadata, links followed, so that a mounted Kubernetes secret, which changes by
//! moving a link, is seen like a file that is written in place. A content that cannot be used changes nothing: the last good
//! one stays, the log, the node's health and the metrics say so, and say when it is mended.

pub use followed::FollowedFile;
pub use streamed::{Stream, StreamedFile, check_file};

use forebay_core::component::NodeContext;
use forebay_core::settings::Secret;
use forebay_core::{ComponentError, Phase};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// A file that was written less than so long ago is read again at the next look: it may have been written twice within what
/// its time stamp can tell.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// Where a content comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A file, and the key of the config that names it.
    File { key: &'static str, path: PathBuf },
    /// The config itself, under this key.
    Inline { key: &'static str, text: Secret },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File { key, path } => write!(f, "`{key}` ({})", path.display()),
            Source::Inline { key, .. } => write!(f, "`{key}`"),
        }
    }
}

impl Source {
    /// The one of `file` and `inline` that is set, under its key; a file wins.
    pub(crate) fn of(
        file: (&'static str, Option<&PathBuf>),
        inline: (&'static str, Option<&Secret>),
    ) -> Option<Source> {
        let from_file = |path: &PathBuf| Source::File {
            key: file.0,
            path: path.clone(),
        };
        let from_config = |text: &Secret| Source::Inline {
            key: inline.0,
            text: text.clone(),
        };
        file.1.map(from_file).or_else(|| inline.1.map(from_config))
    }

    /// The content, of at most `most` bytes. Blocks.
    fn read(&self, most: u64) -> Result<Vec<u8>, ComponentError> {
        match self {
            Source::Inline { text, .. } => Ok(text.reveal().as_bytes().to_vec()),
            Source::File { path, .. } => read_file(path, most)
                .map_err(|error| ComponentError::new(format!("cannot read {self}: {}", hint(&error)))),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Source::File { path, .. } => Some(path),
            Source::Inline { .. } => None,
        }
    }
}

/// What the system says, and what to do about it.
fn hint(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{error}. Check the path, and that the file is mounted"),
        io::ErrorKind::PermissionDenied => {
            format!("{error}. Let the user that this process runs as read the file")
        }
        _ => error.to_string(),
    }
}

fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Asked before it is opened: opening a pipe waits for its other end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this is not a regular file",
        ));
    }
    let mut content = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        let words = format!("the file is larger than the {most} bytes that are allowed");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
    }
    Ok(content)
}

/// What tells one state of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(data: &Metadata) -> Self {
        Stamp {
            device: data.dev(),
            inode: data.ino(),
            length: data.len(),
            written: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        }
    }
}

impl Stamp {
    /// Whether the file has been at rest for long enough that a further change shows in its times.
    fn settled(&self) -> bool {
        let (written, changed) = (self.written.0.max(0), self.changed.0.max(0));
        let last = Duration::from_secs(u64::try_from(written.max(changed)).unwrap_or(0));
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH + last)
            .is_ok_and(|age| age > SETTLED_AFTER)
    }
}

/// One content with the source that it came from, for messages.
pub(crate) struct Content<'a> {
    pub(crate) source: &'a Source,
    pub(crate) bytes: &'a [u8],
}

/// Makes something of the contents of all sources. The words of its error never show a content.
type Parse<T> = Box<dyn Fn(&[Content<'_>]) -> Result<T, ComponentError> + Send + Sync>;

/// What is made from files.
pub(crate) trait Usable: Send + Sync + 'static {
    /// What is wrong with it by now, although its files have not changed, such as that it has expired.
    fn stale(&self) -> Option<ComponentError> {
        None
    }
}

/// Something made from files, of which the last good state is kept.
pub(crate) struct Kept<T> {
    name: Arc<str>,
    sources: Vec<Source>,
    most: u64,
    parse: Parse<T>,
    current: RwLock<Arc<T>>,
    seen: Mutex<Seen>,
}

/// What the last look has seen.
struct Seen {
    stamps: Vec<Option<Stamp>>,
    /// Of the contents that are in use.
    digest: [u8; 32],
    /// Whether nothing can have changed as long as the stamps have not.
    settled: bool,
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({})", self.name)
    }
}

impl<T: Usable> Kept<T> {
    /// Reads `sources`, each of at most `most` bytes, and makes a `T` of them. Blocks.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or `parse` cannot use what is in it.
    pub(crate) fn load(
        sources: Vec<Source>,
        most: u64,
        parse: impl Fn(&[Content<'_>]) -> Result<T, ComponentError> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, ComponentError> {
        let stamps = stamps(&sources);
        let contents = read_all(&sources, most)?;
        let first = parse(&with_sources(&sources, &contents))?;
        let names: Vec<String> = sources.iter().map(Source::to_string).collect();
        Ok(Arc::new(Kept {
            name: names.join(" and ").into(),
            most,
            seen: Mutex::new(Seen {
                settled: settled(&stamps),
                stamps,
                digest: digest(&contents),
            }),
            sources,
            parse: Box::new(parse),
            current: RwLock::new(Arc::new(first)),
        }))
    }

    /// What the first source is called: the path of a file.
    pub(crate) fn first_name(&self) -> Arc<str> {
        let first = self.sources.first();
        match first.and_then(Source::path) {
            Some(path) => path.to_string_lossy().into(),
            None => first.map(Source::to_string).unwrap_or_default().into(),
        }
    }

    /// The last good state.
    pub(crate) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files and takes what is in them into use if that is something new. Whether it was.
    fn renew(&self, seen: &mut Seen) -> Result<bool, ComponentError> {
        let contents = read_all(&self.sources, self.most)?;
        let digest = digest(&contents);
        if digest == seen.digest {
            return Ok(false);
        }
        let next = (self.parse)(&with_sources(&self.sources, &contents))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        seen.digest = digest;
        Ok(true)
    }

    fn same(&self) -> Look {
        self.current().stale().map_or(Look::Same, Look::Stale)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamps(sources: &[Source]) -> Vec<Option<Stamp>> {
    let stamp = |path: &Path| std::fs::metadata(path).ok().as_ref().map(Stamp::from);
    sources.iter().filter_map(Source::path).map(stamp).collect()
}

fn settled(stamps: &[Option<Stamp>]) -> bool {
    stamps
        .iter()
        .all(|stamp| stamp.as_ref().is_some_and(Stamp::settled))
}

fn read_all(sources: &[Source], most: u64) -> Result<Vec<Vec<u8>>, ComponentError> {
    sources.iter().map(|source| source.read(most)).collect()
}

fn with_sources<'a>(sources: &'a [Source], contents: &'a [Vec<u8>]) -> Vec<Content<'a>> {
    sources
        .iter()
        .zip(contents)
        .map(|(source, bytes)| Content { source, bytes })
        .collect()
}

fn digest(contents: &[Vec<u8>]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for content in contents {
        hasher.update((content.len() as u64).to_le_bytes());
        hasher.update(content);
    }
    hasher.finalize().into()
}

/// What a look at files has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// What is in use is what is there.
    Same,
    /// Something new was taken into use.
    Renewed,
    /// What is there cannot be used; the last good state stays.
    Failing(ComponentError),
    /// What is in use is what is there, and is good no more.
    Stale(ComponentError),
}

/// Something made from files, whatever it is.
pub(crate) trait Watched: Send + Sync {
    /// What it is made from, for people.
    fn name(&self) -> &Arc<str>;

    /// Whether it can change at all.
    fn has_files(&self) -> bool;

    /// Looks whether the files have changed, and takes what is in them into use. Blocks.
    fn look(&self) -> Look;
}

impl<T: Usable> Watched for Kept<T> {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn has_files(&self) -> bool {
        self.sources.iter().any(|source| source.path().is_some())
    }

    fn look(&self) -> Look {
        let mut seen = self.seen();
        // Before the contents are read: what changes while they are is found by the next look.
        let stamps = stamps(&self.sources);
        if seen.settled && stamps == seen.stamps {
            return self.same();
        }
        let outcome = self.renew(&mut seen);
        // A failure is no rest: what stands in its way may lie outside of the files, such as a folder's permissions.
        seen.settled = outcome.is_ok() && settled(&stamps);
        seen.stamps = stamps;
        match outcome {
            Ok(true) => Look::Renewed,
            Ok(false) => self.same(),
            Err(error) => Look::Failing(error),
        }
    }
}

/// How files are followed.
pub(crate) struct Following {
    /// How long it is from look to look.
    pub(crate) interval: Duration,
    /// The phase of the shutdown at which it ends.
    pub(crate) until: Phase,
    /// What is followed.
    pub(crate) watched: Vec<Arc<dyn Watched>>,
    /// Called after each look that took something new into use.
    pub(crate) renewed: Box<dyn Fn() + Send + Sync>,
}

/// What a node has been told about one of the things that are followed.
#[derive(Default)]
struct Told {
    /// Looks that failed, one after another.
    failures: u32,
    complaint: Option<ComponentError>,
}

/// So many failures in a row are borne before there is a complaint, with looks that follow one another faster: a certificate and
/// its key are two files, and are replaced one after the other. A complaint comes about one interval after the change, and
/// a pair that was seen when only half of it was new is in use a quarter of the interval later.
const FAILURES_BORNE: u32 = 4;

impl Following {
    /// Starts the task that follows. None is started where nothing can change.
    pub(crate) fn start(mut self, node: &NodeContext) {
        self.watched.retain(|watched| watched.has_files());
        if !self.watched.is_empty() {
            node.tasks.spawn("files", self.follow(node.clone()));
        }
    }

    fn pause(&self, told: &[Told]) -> Duration {
        let borne = told
            .iter()
            .any(|told| (1..=FAILURES_BORNE).contains(&told.failures));
        if borne {
            self.interval / FAILURES_BORNE
        } else {
            self.interval
        }
    }

    async fn follow(self, node: NodeContext) {
        let mut told: Vec<Told> = self.watched.iter().map(|_| Told::default()).collect();
        loop {
            tokio::select! {
                () = ended(&node, self.until) => return,
                () = node.clock.sleep(self.pause(&told)) => {}
            }
            let watched = self.watched.clone();
            // Files may lie on a network, and then a look takes its time.
            let looking = move || watched.iter().map(|watched| watched.look()).collect();
            let looks: Vec<Look> = match tokio::task::spawn_blocking(looking).await {
                Ok(looks) => looks,
                Err(error) => {
                    tracing::error!(%error, "looking at files failed");
                    continue;
                }
            };
            if looks.contains(&Look::Renewed) {
                (self.renewed)();
            }
            for ((watched, told), look) in self.watched.iter().zip(&mut told).zip(looks) {
                told.hear(look, watched.name(), &node);
            }
        }
    }
}

async fn ended(node: &NodeContext, until: Phase) {
    match until {
        Phase::Running => {}
        Phase::Draining => node.shutdown.draining().await,
        Phase::Stopped => node.shutdown.stopped().await,
    }
}

impl Told {
    fn hear(&mut self, look: Look, name: &Arc<str>, node: &NodeContext) {
        match look {
            Look::Failing(error) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures > FAILURES_BORNE && self.complaint.as_ref() != Some(&error) {
                    node.reloads.fail();
                    let words = format!("{error}; the last good content stays in use");
                    tracing::warn!(node = &*node.name, error = %words, "a changed file cannot be used");
                    self.complain(error, words, (name, node));
                }
            }
            Look::Stale(error) => {
                if self.complaint.as_ref() != Some(&error) {
                    tracing::warn!(node = &*node.name, %error, "what is in use is good no more");
                    let words = error.to_string();
                    self.complain(error, words, (name, node));
                }
            }
            Look::Same => self.well(name, node),
            Look::Renewed => {
                node.reloads.take();
                tracing::info!(
                    node = &*node.name,
                    files = &**name,
                    "read again and taken into use"
                );
                self.well(name, node);
            }
        }
    }

    fn complain(&mut self, error: ComponentError, words: String, (name, node): (&Arc<str>, &NodeContext)) {
        node.health.concern(name, Some(words.into()));
        self.complaint = Some(error);
    }

    fn well(&mut self, name: &Arc<str>, node: &NodeContext) {
        self.failures = 0;
        if self.complaint.take().is_some() {
            tracing::info!(node = &*node.name, files = &**name, "good again");
            node.health.concern(name, None);
        }
    }
}

mod followed;
mod streamed;
#[cfg(test)]
pub(crate) mod tests;
