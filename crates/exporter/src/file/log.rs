//! A file of records that is only ever as long as its last complete one.

use super::record::Encoder;
use super::recover::Found;
use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::Path;

/// The most slices that are given to one write (POSIX, `IOV_MAX`, as Linux has it).
const SLICES_MAX: usize = 1024;

/// What a log needs of a file. A trait, so that tests have files that fail.
pub(super) trait Storage: Write {
    /// Cuts the file to `length` bytes.
    fn cut(&self, length: u64) -> io::Result<()>;
    /// Forces what was written to the disk.
    fn sync(&self) -> io::Result<()>;
}

impl Storage for File {
    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A file of records.
#[derive(Debug)]
pub(super) struct Log<S> {
    storage: S,
    /// Up to where the records are complete.
    length: u64,
    /// Whether there may be something behind that, which could not be cut off yet.
    torn: bool,
    /// Whether something was written since it was last forced to the disk.
    unsynced: bool,
}

impl<S: Storage> Log<S> {
    /// A log that goes on after `length` bytes of `storage`, which writes at its end.
    pub(super) fn new(storage: S, length: u64) -> Self {
        Log {
            storage,
            length,
            torn: false,
            unsynced: false,
        }
    }

    /// Bytes of complete records.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Writes a record. On an error nothing of it stays: part of a record is cut off, now or before the next one.
    pub(super) fn append(&mut self, slices: &[Bytes], size: u64) -> io::Result<()> {
        self.mend()?;
        self.torn = true;
        if let Err(error) = write_all(&mut self.storage, slices) {
            // If this fails as well, the next record tries again.
            let _ = self.mend();
            return Err(error);
        }
        self.length += size;
        self.torn = false;
        self.unsynced = true;
        Ok(())
    }

    /// Takes the last record of `size` bytes back.
    pub(super) fn take_back(&mut self, size: u64) {
        self.length = self.length.saturating_sub(size);
        self.torn = true;
        // If this fails, the next record tries again.
        let _ = self.mend();
    }

    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.storage.cut(self.length)?;
            self.torn = false;
        }
        Ok(())
    }

    /// Forces what was written to the disk, if something was.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.unsynced {
            self.storage.sync()?;
            self.unsynced = false;
        }
        Ok(())
    }
}

/// Opens the log at `path`, creating the file if it is not there, and cuts off what is not a complete record. The errors
/// are for people.
pub(super) fn open(path: &Path, append: bool, encoder: Encoder) -> Result<Log<File>, String> {
    let named = |what: &str| format!("`{}` {what}", path.display());
    let failed = |error: io::Error| named(&format!("cannot be opened: {error}"));
    let options = OpenOptions::new().read(true).append(true).create(true).clone();
    let file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => named("cannot be created: its directory does not exist"),
        _ => failed(error),
    })?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(named("is not a regular file"));
    }
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| named("is in use by another exporter, of this process or another"))?;
    let good = if append {
        encoder.recover(&file, metadata.len()).map_err(failed)?
    } else {
        Found::Records(0)
    };
    let Found::Records(good) = good else {
        return Err(named(
            "holds something else than this exporter writes with this config: move it away",
        ));
    };
    if good < metadata.len() {
        file.set_len(good).map_err(failed)?;
        if append {
            let bytes = metadata.len() - good;
            tracing::warn!(file = %path.display(), bytes, "an unfinished record at the end was cut off");
        }
    }
    Ok(Log::new(file, good))
}

fn write_all(target: &mut impl Write, slices: &[Bytes]) -> io::Result<()> {
    for chunk in slices.chunks(SLICES_MAX) {
        let mut slices: Vec<IoSlice<'_>> = chunk.iter().map(|slice| IoSlice::new(slice)).collect();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            match target.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
