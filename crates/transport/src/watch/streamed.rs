//! A large file that a component follows: read as a stream, so that no more of it is in memory than what is made of it.

use super::{Following, Look, Stamp, Watched, hint};
use forebay_core::component::NodeContext;
use forebay_core::{ComponentError, Phase};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// So much is read at once.
const CHUNK: usize = 64 * 1024;

/// What a file holds, from its beginning.
pub struct Stream<'f> {
    /// The content.
    pub reader: &'f mut dyn BufRead,
    /// How many bytes it had when it was opened.
    pub length: u64,
}

/// Makes something of a content.
type Parse<T> = Box<dyn Fn(Stream<'_>) -> Result<T, String> + Send + Sync>;

/// A file that is read again when it changes, as a stream. A content that cannot be used changes nothing: the last good one stays,
/// and the node's health says so. It is not tried again before the file changes.
///
/// A file that is replaced by another one in one step (by renaming) is never seen half written. One that is written in place is not
/// taken into use if it changes while it is read.
pub struct StreamedFile<T>(Arc<Streamed<T>>);

impl<T> Clone for StreamedFile<T> {
    fn clone(&self) -> Self {
        StreamedFile(Arc::clone(&self.0))
    }
}

struct Streamed<T> {
    name: Arc<str>,
    path: PathBuf,
    parse: Parse<T>,
    current: RwLock<Arc<T>>,
    seen: Mutex<Seen>,
    failures: AtomicU64,
}

/// What the last look has seen.
struct Seen {
    stamp: Option<Stamp>,
    /// Whether nothing can have changed as long as the stamp has not.
    settled: bool,
    /// The digest of the content that is in use.
    used: [u8; 32],
    /// That of a content that cannot be used, and why not.
    refused: Option<([u8; 32], ComponentError)>,
    /// Why the file could not be read.
    unread: Option<ComponentError>,
}

/// Whether the file at `path` is there and can be read. Blocks.
///
/// # Errors
///
/// What is wrong with it, and what to do about it.
pub fn check_file(path: &Path) -> Result<(), String> {
    open(path).map(drop).map_err(|error| hint(&error))
}

fn open(path: &Path) -> io::Result<File> {
    // Asked before it is opened: opening a pipe waits for its other end.
    if !std::fs::metadata(path)?.is_file() {
        let words = "this is not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    }
    File::open(path)
}

fn stamp(path: &Path) -> Option<Stamp> {
    std::fs::metadata(path).ok().as_ref().map(Stamp::from)
}

/// A reader that takes the digest of what it reads.
struct Digesting {
    file: File,
    hasher: Sha256,
}

impl Digesting {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Digesting {
            file: open(path)?,
            hasher: Sha256::new(),
        })
    }
}

impl Read for Digesting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// The digest of the rest of a content, read to its end.
fn finish(mut reader: BufReader<Digesting>) -> io::Result<[u8; 32]> {
    loop {
        let read = reader.fill_buf()?.len();
        if read == 0 {
            return Ok(reader.into_inner().hasher.finalize().into());
        }
        reader.consume(read);
    }
}

/// What a content has come to, and its digest.
type Content<T> = (Result<T, String>, [u8; 32]);

fn read<T>(path: &Path, parse: &Parse<T>) -> io::Result<Content<T>> {
    let digesting = Digesting::open(path)?;
    let opened = digesting.file.try_clone()?;
    let before = Stamp::from(&opened.metadata()?);
    let mut reader = BufReader::with_capacity(CHUNK, digesting);
    let parsed = parse(Stream {
        reader: &mut reader,
        length: before.length,
    });
    let digest = finish(reader)?;
    // Not its other times: a file that another one is put in the place of meanwhile is still what it was.
    let after = Stamp::from(&opened.metadata()?);
    if (after.length, after.written) != (before.length, before.written) {
        let words = "the file has changed while it was read. Write tables beside it and rename them to it";
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, words));
    }
    Ok((parsed, digest))
}

impl<T: Send + Sync + 'static> StreamedFile<T> {
    /// Reads the file at `path`. `key` is the key of the config that names it. Blocks.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or `parse` cannot use what is in it; the words of its error are shown.
    pub fn load(
        key: &str,
        path: PathBuf,
        parse: impl Fn(Stream<'_>) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, ComponentError> {
        let name: Arc<str> = format!("`{key}` ({})", path.display()).into();
        let parse: Parse<T> = Box::new(parse);
        let stamp = stamp(&path);
        let (parsed, used) = read(&path, &parse).map_err(|error| unreadable(&name, &error))?;
        let current = parsed.map_err(|why| unusable(&name, &why))?;
        let seen = Seen {
            settled: stamp.as_ref().is_some_and(Stamp::settled),
            stamp,
            used,
            refused: None,
            unread: None,
        };
        Ok(StreamedFile(Arc::new(Streamed {
            name,
            path,
            parse,
            current: RwLock::new(Arc::new(current)),
            seen: Mutex::new(seen),
            failures: AtomicU64::new(0),
        })))
    }

    /// What the last good content has come to.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many contents could not be used, and how often the file could not be read any more.
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    /// Looks every `interval` whether the file has changed, until the node drains. Reading happens on a thread that may block.
    pub fn follow(&self, interval: Duration, node: &NodeContext) {
        let following = Following {
            interval,
            until: Phase::Draining,
            watched: vec![Arc::clone(&self.0) as _],
            renewed: Box::new(|| ()),
        };
        following.start(node);
    }
}

fn unreadable(name: &str, error: &io::Error) -> ComponentError {
    ComponentError::new(format!("cannot read {name}: {}", hint(error)))
}

fn unusable(name: &str, why: &str) -> ComponentError {
    ComponentError::new(format!("{name}: {why}"))
}

impl<T> Streamed<T> {
    /// Reads the file if what it holds is neither in use nor known to be of no use.
    fn renew(&self, seen: &mut Seen) -> io::Result<Look> {
        let digest = finish(BufReader::with_capacity(CHUNK, Digesting::open(&self.path)?))?;
        if digest == seen.used {
            seen.refused = None;
            return Ok(Look::Same);
        }
        if let Some((refused, why)) = &seen.refused
            && *refused == digest
        {
            return Ok(Look::Failing(why.clone()));
        }
        let (parsed, digest) = read(&self.path, &self.parse)?;
        Ok(match parsed {
            Ok(next) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
                seen.used = digest;
                seen.refused = None;
                Look::Renewed
            }
            Err(why) => {
                let why = unusable(&self.name, &why);
                seen.refused = Some((digest, why.clone()));
                self.failures.fetch_add(1, Ordering::Relaxed);
                Look::Failing(why)
            }
        })
    }
}

impl Seen {
    /// What there is to say as long as nothing has changed.
    fn same(&self) -> Look {
        match &self.refused {
            Some((_, why)) => Look::Failing(why.clone()),
            None => Look::Same,
        }
    }
}

impl<T: Send + Sync> Watched for Streamed<T> {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn has_files(&self) -> bool {
        true
    }

    fn look(&self) -> Look {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the content is read: what changes while it is is found by the next look.
        let stamp = stamp(&self.path);
        if seen.settled && stamp == seen.stamp {
            return seen.same();
        }
        let outcome = self.renew(&mut seen);
        seen.settled = outcome.is_ok() && stamp.as_ref().is_some_and(Stamp::settled);
        seen.stamp = stamp;
        match outcome {
            Ok(look) => {
                seen.unread = None;
                look
            }
            Err(error) => {
                let why = unreadable(&self.name, &error);
                if seen.unread.as_ref() != Some(&why) {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    seen.unread = Some(why.clone());
                }
                Look::Failing(why)
            }
        }
    }
}

impl<T> std::fmt::Debug for StreamedFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamedFile({})", self.0.name)
    }
}

#[cfg(test)]
mod tests;
