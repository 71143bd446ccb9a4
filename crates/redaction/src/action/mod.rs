//! What is done with what was found.

mod hash;
mod redactor;
#[cfg(test)]
mod tests;

pub use hash::{HashKey, HashLengthError};
pub use redactor::{Outcome, Redactor, Scratch};

/// What is put in the place of what is hidden.
pub(crate) const STARS: &[u8] = b"****";

/// What is done where a pattern is found.
#[derive(Clone, Debug)]
pub enum Action {
    /// What was found is replaced by `****`.
    Mask(Mask),
    /// What was found is replaced by a keyed hash of it, in hexadecimal.
    Hash(HashKey),
    /// The text ends where what was found begins.
    Truncate,
    /// The text is not to leave at all. It is for the caller to leave it out: [`Outcome::Dropped`].
    Drop,
}

/// How a finding is masked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    /// How many characters at the end of a finding stay, as the last four digits of a card. Of a finding that has not at least twice
    /// as many, none stays.
    pub keep_last: usize,
}

impl Mask {
    /// Writes what is put in the place of a finding.
    pub fn write(self, finding: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(STARS);
        let is_start = |byte: u8| byte & 0xc0 != 0x80;
        let characters = finding.iter().filter(|byte| is_start(**byte)).count();
        if self.keep_last == 0 || characters < self.keep_last.saturating_mul(2) {
            return;
        }
        let mut starts = finding
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, byte)| is_start(**byte));
        let kept = starts
            .nth(self.keep_last - 1)
            .and_then(|(from, _)| finding.get(from..));
        out.extend_from_slice(kept.unwrap_or_default());
    }
}
