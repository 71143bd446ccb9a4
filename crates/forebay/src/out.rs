//! Standard output and standard error, as files that may be gone.

use crate::cli::Exit;
use forebay_config::{Style, render};
use forebay_core::Diagnostic;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};

/// Standard output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out;

impl Out {
    /// Writes `text` and gives `exit`. A reader that has gone away, as `head` does, has seen what it wanted.
    pub(crate) fn print(self, text: &str, exit: Exit) -> Exit {
        let mut stdout = stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Ok(()) => exit,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => exit,
            Err(error) => {
                complain(&format!("error: standard output: {error}\n"));
                Exit::Failed
            }
        }
    }
}

/// Writes to standard error.
pub(crate) fn complain(text: &str) {
    // Nobody is left to tell if standard error is gone.
    let _ = stderr().write_all(text.as_bytes());
}

/// Shows what is wrong with a config on standard error.
pub(crate) fn show(found: &[Diagnostic]) {
    let color = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    complain(&render(found, Style { color }));
}
