//! Where large bodies are worked on: few at a time, and in steps.
//!
//! A small body may decompress to a large one, and a large one takes as long to check as thousands of small ones. If many
//! came together they would fill every thread, and all that memory would be touched at once. So work on large bodies takes
//! turns, and lets others have the thread in between. Small bodies never wait here.

use crate::compression::{DecompressError, Decompressor};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// From this size on a body is large: SDKs and agents send less.
const LARGE: usize = 4 << 20;
/// How much of a body is decompressed in one step: little, as a byte may become thousands.
const STEP: usize = 512;
/// After so much output others have the thread: about a tenth of a millisecond.
const STINT: usize = 256 << 10;
/// For how many threads there is one place.
const THREADS_PER_PLACE: usize = 4;

/// The places at which large bodies are worked on. Clones are the same.
#[derive(Clone, Debug)]
pub struct Workbench(Arc<Semaphore>);

/// Leave to work on a large body, until it is dropped. Not to be held while waiting for a sender.
#[derive(Debug)]
pub struct Turn {
    _place: Option<OwnedSemaphorePermit>,
}

impl Default for Workbench {
    /// A place for every four threads that the machine runs at once, and one at least.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Workbench(Arc::new(Semaphore::new(threads.div_ceil(THREADS_PER_PLACE))))
    }
}

impl Workbench {
    /// Leave to work on a body of `bytes` bytes: at once if it is not large.
    pub async fn turn(&self, bytes: usize) -> Turn {
        let place = if bytes < LARGE {
            None
        } else {
            // The semaphore is never closed.
            Arc::clone(&self.0).acquire_owned().await.ok()
        };
        Turn { _place: place }
    }

    /// Decompresses a chunk, in steps.
    pub(super) async fn decompress(
        &self,
        chunk: &[u8],
        decompressor: &mut Decompressor,
    ) -> Result<(), DecompressError> {
        let mut turn = self.turn(decompressor.produced()).await;
        let mut rested = decompressor.produced();
        for step in chunk.chunks(STEP) {
            decompressor.push(step)?;
            let produced = decompressor.produced();
            if produced - rested >= STINT {
                rested = produced;
                tokio::task::yield_now().await;
                if turn._place.is_none() {
                    turn = self.turn(produced).await;
                }
            }
        }
        Ok(())
    }
}
