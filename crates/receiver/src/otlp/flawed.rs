//! A request of which some items break the data model: they are left out, and their siblings go on.
//!
//! A request all of whose items are flawed is not taken in part but not at all: it is answered as malformed (OTLP specification,
//! "Failures", "Bad Data"), since "partial success" is for what accepts some of the data.

use super::door::{Door, Refused, grow};
use forebay_core::{Reason, Signal};
use forebay_otlp::edit::Editor;
use forebay_otlp::{Census, flaws};
use forebay_transport::server::Message;
use forebay_transport::status::{Code, Status};
use std::fmt::Write;

/// How many flawed items a message describes.
const DESCRIBED: usize = 3;

/// A request without its flawed items.
pub(super) struct Mended {
    pub(super) message: Message,
    /// Items that are left.
    pub(super) items: u64,
    /// Items that were refused.
    pub(super) refused: u64,
    /// What is wrong with the first of them.
    pub(super) words: String,
}

impl Door {
    /// Takes the flawed items out of a request, and books them as refused. The memory of both forms is leased while there are
    /// both.
    pub(super) fn mend(&self, signal: Signal, message: Message, census: &Census) -> Result<Mended, Refused> {
        let refused = census.flaws.len() as u64;
        let items = census.items.saturating_sub(refused);
        let words = describe(signal, &message.bytes, census);
        if items == 0 {
            self.context.refuse(signal, refused, Reason::Malformed);
            let status = Status::new(Code::InvalidArgument, words);
            let path = path_of_first(signal, &message.bytes, census);
            return Err(Refused {
                status: status.violating(path, "no item is valid"),
                reason: Reason::Malformed,
            });
        }
        let Message { bytes, lease } = message;
        let mut editor = Editor::new();
        let rest = editor.remove(signal, &bytes, &census.flaws);
        let rest = rest.map_err(|error| Refused::malformed(signal, &bytes, error))?;
        let length = rest.output_len() as u64;
        grow(&lease, length)?;
        let rest = rest.to_bytes();
        drop(bytes);
        lease.shrink_to(length);
        self.context.refuse(signal, refused, Reason::Malformed);
        Ok(Mended {
            message: Message { bytes: rest, lease },
            items,
            refused,
            words,
        })
    }
}

/// How many items are refused, and what is wrong with the first of them.
fn describe(signal: Signal, request: &[u8], census: &Census) -> String {
    let noun = match signal {
        Signal::Traces => "spans",
        Signal::Metrics => "data points",
        Signal::Logs => "log records",
    };
    let refused = census.flaws.len();
    let mut words = format!("{refused} of {} {noun} refused", census.items);
    for (index, flaw) in census.flaws.iter().take(DESCRIBED).enumerate() {
        let separator = if index == 0 { ": " } else { "; " };
        words.push_str(separator);
        words.push_str(&flaws::explain(signal, request, flaw));
    }
    if refused > DESCRIBED {
        // Writing to a string does not fail.
        let _ = write!(words, "; and {} more", refused - DESCRIBED);
    }
    words
}

fn path_of_first(signal: Signal, request: &[u8], census: &Census) -> String {
    let first = census.flaws.first();
    first.map_or_else(String::new, |flaw| flaws::path_to(signal, request, flaw))
}
