//! Standard output, without the ways in which it can stop a process: a reader that does not read, a reader that is gone.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long one page may wait for a reader that was reading until now.
const PATIENCE: Duration = Duration::from_secs(1);
/// A pipe that polls as writable takes this much without blocking (POSIX, `PIPE_BUF`, as Linux has it).
const PIECE: usize = 4096;

/// Where pages are printed.
#[derive(Debug)]
pub(super) struct Output {
    target: OwnedFd,
    /// How long a page may wait.
    patience: Duration,
    /// Whether the last page has waited in vain.
    stuck: bool,
    /// Whether the last page broke off within a line.
    torn: bool,
}

impl Output {
    /// The process' standard output, unbuffered.
    pub(super) fn standard() -> io::Result<Self> {
        Ok(Output::new(io::stdout().as_fd().try_clone_to_owned()?, PATIENCE))
    }

    pub(super) fn new(target: OwnedFd, patience: Duration) -> Self {
        Output {
            target,
            patience,
            stuck: false,
            torn: false,
        }
    }

    /// Prints a page that ends with a line break. Blocks for a second at most; once a page has waited in vain, the next
    /// ones do not wait at all, until one gets through.
    pub(super) fn print(&mut self, page: &str) -> io::Result<()> {
        let patience = if self.stuck { Duration::ZERO } else { self.patience };
        let deadline = Instant::now() + patience;
        let torn: &[u8] = if self.torn { b"\n" } else { b"" };
        let printed = self
            .write(torn, deadline)
            .and_then(|()| self.write(page.as_bytes(), deadline));
        self.stuck = matches!(&printed, Err(error) if error.kind() == io::ErrorKind::TimedOut);
        printed
    }

    fn write(&mut self, mut rest: &[u8], deadline: Instant) -> io::Result<()> {
        while let Some(&last) = rest.last() {
            self.ready(deadline)?;
            let (piece, _) = rest.split_at_checked(PIECE).unwrap_or((rest, &[]));
            match rustix::io::write(&self.target, piece) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(error) => return Err(error.into()),
            }
            self.torn = !rest.is_empty() || last != b'\n';
        }
        Ok(())
    }

    /// Waits until a piece can be written without blocking, or nobody is left to read it: writing then says so.
    fn ready(&self, deadline: Instant) -> io::Result<()> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            let mut targets = [PollFd::new(&self.target, PollFlags::OUT)];
            match poll(&mut targets, Some(&left)) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
    }
}
