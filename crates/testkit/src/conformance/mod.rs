//! What every registered component has to keep to, checked without a line written for it.
//!
//! | rule | checked by |
//! |---|---|
//! | its example is read without an error | [`configs`] |
//! | an unknown key is refused, at its place in the file, in every table | [`configs`] |
//! | every key and every word that a key can have is described | [`configs`] |
//! | it can be built and dropped without being started | [`configs`] |
//! | every item that goes in comes out, or is accounted for by a reason | [`processors`] |
//! | the payload that it gives has as many items as it says | [`processors`] |
//! | every sender is answered, every lease is given back | [`processors`] |
//! | what it holds stays within what it declares | [`processors`] |
//! | two instances do not know of each other | [`processors`] |
//! | bytes that are no valid request do not make it panic | [`processors`] |
//!
//! Starting and stopping under the engine is beside these, in the tests of the whole workspace: this crate knows no engine.
//!
//! What an example names is replaced before anything is built ([`adapted`]): examples are written for people.

mod configs;
mod damage;
mod generate;
mod processors;

pub use configs::configs;
pub use damage::damage;
pub use generate::request;
pub use processors::processors;

use forebay_core::{Section, Source};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A rule that a component breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whose: `exporter file`.
    pub component: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.component, self.what)
    }
}

/// The faults of one component.
struct Faults<'f> {
    component: String,
    found: &'f mut Vec<Fault>,
}

impl Faults<'_> {
    fn add(&mut self, what: impl Into<String>) {
        self.found.push(Fault {
            component: self.component.clone(),
            what: what.into(),
        });
    }

    /// A fault if it did not start.
    fn started(&mut self, started: Result<(), forebay_core::ComponentError>) {
        if let Err(error) = started {
            self.add(format!("it does not start: {error}"));
        }
    }

    /// A fault unless `kept`.
    fn rule(&mut self, kept: bool, what: impl FnOnce() -> String) {
        if !kept {
            self.add(what());
        }
    }
}

/// An example that can be run anywhere: addresses to listen on become free ports of this machine, `localhost` a port that
/// nobody listens on, and `/var/lib/forebay` the directory `home`.
pub fn adapted(example: &str, home: &Path) -> String {
    let home = home.display().to_string();
    let example = example.replace("/var/lib/forebay", &home);
    let listening = with_port(&example, "0.0.0.0:", "127.0.0.1:0");
    with_port(&listening, "localhost:", "127.0.0.1:1")
}

/// Replaces `host` and the digits after it, everywhere.
fn with_port(text: &str, host: &str, with: &str) -> String {
    let mut pieces = text.split(host);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        out.push_str(with);
        out.push_str(piece.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}

/// A text as the section of one node.
pub fn section(text: impl Into<String>) -> Section {
    Section::whole(Arc::new(Source {
        name: "example.toml".to_owned(),
        text: text.into(),
    }))
}

#[cfg(test)]
mod tests;
