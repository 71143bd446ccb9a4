//! A file without secrets that a component follows: its last good content, as the component reads it.

use super::{Following, Kept, Source, Usable};
use forebay_core::component::NodeContext;
use forebay_core::{ComponentError, Phase};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a component has read from a file.
struct Parsed<T>(T);

impl<T: Send + Sync + 'static> Usable for Parsed<T> {}

/// A file that is read again when it changes. A content that cannot be used changes nothing: the last good one stays, and the
/// node's health says so.
pub struct FollowedFile<T>(Arc<Kept<Parsed<T>>>);

impl<T: Send + Sync + 'static> FollowedFile<T> {
    /// Reads the file at `path`, of at most `most` bytes. `key` is the key of the config that names it. Blocks.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not UTF-8, or `parse` cannot use what is in it; the words of its error are shown.
    pub fn load(
        key: &'static str,
        path: PathBuf,
        most: u64,
        parse: impl Fn(&str) -> Result<T, String> + Send + Sync + 'static,
    ) -> Result<Self, ComponentError> {
        let kept = Kept::load(vec![Source::File { key, path }], most, move |contents| {
            let [content] = contents else {
                return Err(ComponentError::new("one file was asked for"));
            };
            let wrong = |why: String| ComponentError::new(format!("{}: {why}", content.source));
            let text = std::str::from_utf8(content.bytes).map_err(|error| wrong(error.to_string()))?;
            parse(text).map(Parsed).map_err(wrong)
        })?;
        Ok(FollowedFile(kept))
    }

    /// Hands over the content now, and whatever replaces it, looking every `interval` until the process stops.
    pub fn follow(self, interval: Duration, node: &NodeContext, take: impl Fn(&T) + Send + Sync + 'static) {
        take(&self.0.current().0);
        let kept = Arc::clone(&self.0);
        let following = Following {
            interval,
            until: Phase::Stopped,
            watched: vec![self.0],
            renewed: Box::new(move || take(&kept.current().0)),
        };
        following.start(node);
    }
}

impl<T> std::fmt::Debug for FollowedFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
