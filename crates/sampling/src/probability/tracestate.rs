//! The sampling values in a W3C `tracestate`, read and changed where everything else in it stays.
//!
//! ```text
//! vendor=anything , ot=rv:9b8233f7e3a151;th:8;other:1 , another@vendor=x
//! |-- member ---|   |  |------ list of sub-keys ----|   |--- member ---|
//! ```
//!
//! W3C Trace Context, section 3.3, has the members; OpenTelemetry's "TraceState handling" the list in the member `ot`.

use super::{Hex, Randomness, RandomnessError, Threshold, ThresholdError};

/// How many members a `tracestate` has at most (W3C Trace Context, section 3.3.1.1).
pub const MAX_MEMBERS: usize = 32;
/// How many characters the value of the member `ot` has at most (OpenTelemetry, "TraceState handling").
pub const MAX_OT: usize = 256;

const OT: &[u8] = b"ot";
const RV: &[u8] = b"rv";
const TH: &[u8] = b"th";

/// A `tracestate`, and the sampling values that it carries.
///
/// Reading is one pass without allocation. The member `ot` is held to its grammar. Of other members only that they are
/// `key=value`: what another vendor writes there is not ours to judge.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceState<'a> {
    text: &'a [u8],
    /// The value of `ot` as it arrived; empty if there is none.
    ot: &'a [u8],
    /// How many members are other vendors'.
    others: usize,
    threshold: Option<Threshold>,
    randomness: Option<Explicit<'a>>,
}

/// A value of `rv`: as it arrived, since it passes on like that, or as it was set.
#[derive(Clone, Copy, Debug)]
struct Explicit<'a> {
    value: Randomness,
    arrived: Option<&'a [u8]>,
}

impl<'a> TraceState<'a> {
    /// Reads a `tracestate`. An empty one carries nothing, and is fine.
    ///
    /// # Errors
    ///
    /// What is wrong with it: it has members without `=`, more than 32, or two `ot`; or `ot` does not keep its grammar, its length, or
    /// the form of `th` and `rv`.
    #[inline]
    pub fn parse(text: &'a [u8]) -> Result<TraceState<'a>, TraceStateError> {
        if text.is_empty() {
            return Ok(TraceState::default());
        }
        TraceState::read(text)
    }

    fn read(text: &'a [u8]) -> Result<TraceState<'a>, TraceStateError> {
        let mut state = TraceState {
            text,
            ..TraceState::default()
        };
        let mut found = false;
        for member in members(text) {
            let (key, value) = cut(member, b'=').ok_or(TraceStateError::Member)?;
            if key != OT {
                state.others += 1;
            } else if std::mem::replace(&mut found, true) {
                return Err(TraceStateError::Repeated("ot"));
            } else {
                state.read_ot(value)?;
            }
        }
        if state.others + usize::from(found) > MAX_MEMBERS {
            return Err(TraceStateError::TooMany);
        }
        Ok(state)
    }

    fn read_ot(&mut self, value: &'a [u8]) -> Result<(), TraceStateError> {
        if value.len() > MAX_OT {
            return Err(TraceStateError::TooLong);
        }
        self.ot = value;
        for pair in value.split(|byte| *byte == b';') {
            let (key, value) = cut(pair, b':').ok_or(TraceStateError::Syntax)?;
            if !is_key(key) || !value.iter().copied().all(is_value) {
                return Err(TraceStateError::Syntax);
            }
            if key == TH {
                if self.threshold.is_some() {
                    return Err(TraceStateError::Repeated("th"));
                }
                self.threshold = Some(Threshold::parse(value)?);
            } else if key == RV {
                if self.randomness.is_some() {
                    return Err(TraceStateError::Repeated("rv"));
                }
                self.randomness = Some(Explicit {
                    value: Randomness::parse(value)?,
                    arrived: Some(value),
                });
            }
        }
        Ok(())
    }

    /// The threshold that the item passed so far, the value of `th`.
    #[inline]
    pub const fn threshold(&self) -> Option<Threshold> {
        self.threshold
    }

    /// The randomness that takes precedence over that of the trace id, the value of `rv`.
    #[inline]
    pub fn randomness(&self) -> Option<Randomness> {
        self.randomness.map(|explicit| explicit.value)
    }

    /// Sets `th`, or erases it.
    pub fn set_threshold(&mut self, threshold: Option<Threshold>) {
        self.threshold = threshold;
    }

    /// Sets `rv`. Only for a `tracestate` without one: what is there must stay as it is.
    pub fn set_randomness(&mut self, randomness: Randomness) {
        if self.randomness.is_none() {
            self.randomness = Some(Explicit {
                value: randomness,
                arrived: None,
            });
        }
    }

    /// Appends the `tracestate` to `out`: the member `ot`, if it has anything to say, then the others in their order.
    ///
    /// A member that changes goes to the left (W3C Trace Context, section 3.5), and if `ot` is new and there are 32 already, the
    /// rightmost one goes (section 3.3.1.5). In `ot` stand `rv`, `th`, then the other sub-keys in their order, as the
    /// Collector writes them. White space around members and empty members are left out.
    ///
    /// # Errors
    ///
    /// The value of `ot` would have more than 256 characters. Then `out` is as it was.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), TraceStateError> {
        let start = out.len();
        self.write_ot(out);
        if out.len() - start > OT.len() + 1 + MAX_OT {
            out.truncate(start);
            return Err(TraceStateError::TooLong);
        }
        let room = MAX_MEMBERS - usize::from(out.len() > start);
        let others = members(self.text).filter(|member| !member.starts_with(b"ot="));
        for member in others.take(room) {
            if out.len() > start {
                out.push(b',');
            }
            out.extend_from_slice(member);
        }
        Ok(())
    }

    fn write_ot(&self, out: &mut Vec<u8>) {
        let start = out.len();
        if let Some(explicit) = self.randomness {
            let set: Hex;
            let text = match explicit.arrived {
                Some(text) => text,
                None => {
                    set = explicit.value.to_hex();
                    set.as_bytes()
                }
            };
            write_pair(out, start, &[RV, b":", text]);
        }
        if let Some(threshold) = self.threshold {
            write_pair(out, start, &[TH, b":", threshold.to_hex().as_bytes()]);
        }
        let pairs = self.ot.split(|byte| *byte == b';');
        for pair in
            pairs.filter(|pair| !pair.is_empty() && !pair.starts_with(b"rv:") && !pair.starts_with(b"th:"))
        {
            write_pair(out, start, &[pair]);
        }
    }
}

/// Appends a pair to the list of `ot`, which begins at `start`.
fn write_pair(out: &mut Vec<u8>, start: usize, parts: &[&[u8]]) {
    out.extend_from_slice(if out.len() == start { b"ot=" } else { b";" });
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// The members that are not empty, without the white space around them.
fn members(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b',')
        .map(trim)
        .filter(|member| !member.is_empty())
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// What is before and after the first `separator`; there must be something before it.
fn cut(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == separator)?;
    let (key, value) = text.split_at_checked(at)?;
    if key.is_empty() {
        return None;
    }
    Some((key, value.get(1..)?))
}

fn is_key(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_lowercase)
        && text
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// What is wrong with a `tracestate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceStateError {
    /// A member has no `=`, or nothing before it.
    #[error("a member of the tracestate is not of the form key=value")]
    Member,
    /// There are more than [`MAX_MEMBERS`] members.
    #[error("the tracestate has more than {MAX_MEMBERS} members")]
    TooMany,
    /// A key that must be unique occurs twice.
    #[error("the tracestate has `{0}` twice")]
    Repeated(&'static str),
    /// The value of `ot` has, or would have, more than [`MAX_OT`] characters.
    #[error("the value of `ot` in the tracestate has more than {MAX_OT} characters")]
    TooLong,
    /// The value of `ot` is not a list of `key:value` with `;` between them, in the characters that are allowed there.
    #[error("the value of `ot` in the tracestate is not of the form key:value;key:value")]
    Syntax,
    /// The value of `th` is wrong.
    #[error(transparent)]
    Threshold(#[from] ThresholdError),
    /// The value of `rv` is wrong.
    #[error(transparent)]
    Randomness(#[from] RandomnessError),
}
