//! Detectors that look at this machine and this process only: no network.

pub mod container;
pub mod env;
pub mod host;
pub mod kubernetes;
pub mod os;
pub mod process;
mod quoted;

use crate::{Detector, Outcome, Surroundings, Wanted};
use futures_util::future::BoxFuture;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the files of the machine are: its own root, or another place where the root of the machine is mounted, as it may be in a
/// container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootPath(String);

impl RootPath {
    /// At `path`, which is absolute: `/` or, for example, `/hostfs`.
    pub fn new(path: &str) -> Self {
        RootPath(path.trim_end_matches('/').to_owned())
    }

    /// Whether it is the root that this process has itself.
    fn is_own(&self) -> bool {
        self.0.is_empty()
    }

    /// Where the machine's file at `path` is.
    fn file(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

/// A look that blocks for as long as files take to be read.
pub trait Look: Debug + Send + Sync + 'static {
    /// Finds out what it can.
    fn look(&self, surroundings: &Surroundings, wanted: &Wanted) -> Outcome;
}

/// A detector that looks on a thread for work that blocks, so that a file system that hangs holds nobody up.
#[derive(Debug)]
pub struct Local<L> {
    look: Arc<L>,
    is_looking: Arc<AtomicBool>,
}

impl<L: Look> Local<L> {
    /// A detector that looks so.
    pub fn new(look: L) -> Self {
        Local {
            look: Arc::new(look),
            is_looking: Arc::default(),
        }
    }
}

impl<L: Look> Detector for Local<L> {
    fn detect<'a>(&'a self, surroundings: &'a Surroundings, wanted: &'a Wanted) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            // One that was cut off goes on until its file answers: others behind it would only be held up as well.
            let Some(busy) = Busy::begin(&self.is_looking) else {
                return Outcome::Failed(
                    "a file that was to be read earlier has still not answered".to_owned(),
                );
            };
            let (look, surroundings, wanted) = (Arc::clone(&self.look), surroundings.clone(), wanted.clone());
            let looking = tokio::task::spawn_blocking(move || {
                let _busy = busy;
                look.look(&surroundings, &wanted)
            });
            looking
                .await
                .unwrap_or_else(|error| Outcome::Failed(error.to_string()))
        })
    }
}

/// Takes back that somebody looks when the look has ended, however it ended.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn begin(is_looking: &Arc<AtomicBool>) -> Option<Self> {
        let was_looking = is_looking.swap(true, Ordering::AcqRel);
        (!was_looking).then(|| Busy(Arc::clone(is_looking)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
