//! Finding and hiding what must not leave: patterns in one pass, keys, sanitised URLs and statements, size limits. No runtime, no
//! config, no files.
//!
//! | item | holds |
//! |---|---|
//! | [`Scanner`] | patterns, ready-made and of one's own, looked for in one pass over a text whatever their number |
//! | [`ReadyMade`] | the patterns that are ready: what each finds, how it is checked, what it misses |
//! | [`Redactor`] | a scanner and what is done with what it finds: masked, hashed, cut off, dropped |
//! | [`KeySet`] | keys by name, glob and regex, as one matcher |
//! | [`url`] | URLs without user information and values of parameters |
//! | [`statement`] | statements of databases without literals |
//! | [`limits`] | lengths of values as the SDK specification counts them |
//!
//! All that is looked at may be hostile. Every step takes time linear in the length of the text: what is found is found by an
//! automaton that reads each byte once and by checks of windows with a bound; regexes are those of the `regex` crate, and their
//! findings in one text are bounded ([`MOST_FINDINGS`]).

mod action;
mod keys;
pub mod limits;
mod ready;
mod scanner;
pub mod statement;
pub mod url;

pub use action::{Action, HashKey, HashLengthError, Mask, Outcome, Redactor, Scratch};
pub use keys::{KeyPattern, KeySet};
pub use ready::ReadyMade;
pub use scanner::{Found, MOST_FINDINGS, Pattern, PatternError, Scanner, merge};
