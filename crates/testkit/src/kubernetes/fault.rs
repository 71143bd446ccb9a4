//! What the API server may be told to do wrong.

use std::time::Duration;

/// What is asked of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// One object.
    Get,
    /// Objects, or a page of them.
    List,
    /// Changes.
    Watch,
}

impl Verb {
    /// As the roles of a cluster have it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Watch => "watch",
        }
    }
}

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this status, and with `Retry-After` in seconds if that is given.
    Status(u16, Option<u64>),
    /// It is answered after this time.
    Slow(Duration),
    /// Its answer ends in the middle: of a list, of the first event of a watch.
    CutOff,
    /// Its answer begins, and nothing more comes.
    Stall,
    /// Its answer is no JSON.
    Garbage,
    /// A watch begins with an event that says that it ends, with this status.
    ErrorEvent(u16),
    /// A watch ends at once, as if its time were over.
    Ends,
}

/// A request that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What was asked.
    pub verb: Verb,
    /// Of which kind, as its path has it: `pods`.
    pub plural: String,
    /// The path.
    pub path: String,
    /// What comes behind `?`.
    pub query: String,
    /// The header `Accept`.
    pub accept: String,
    /// The header `User-Agent`.
    pub user_agent: String,
    /// The status that it was answered with; 0: with none.
    pub status: u16,
}
