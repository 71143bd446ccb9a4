//! What is remembered of a decision, in the 22 bits that the buffer has for it.

use forebay_sampling::buffer;
use forebay_sampling::policy::{Decision, Inclusion, Outcome, Plan};

/// What led to a decision at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The policies knew enough: nothing that may still come can change it.
    Policy,
    /// The root had arrived, and nothing had come for a while.
    Quiet,
    /// The trace had been waited for as long as the config allows.
    Wait,
    /// The trace had grown as large as one may be.
    TraceSize,
    /// The buffer had no room, and this was its oldest trace.
    Memory,
    /// The process was shutting down.
    Shutdown,
    /// The item has no valid trace id, or would not fit into an empty buffer: it was judged alone.
    Alone,
}

impl Cause {
    pub(super) const ALL: [Cause; 7] = [
        Cause::Policy,
        Cause::Quiet,
        Cause::Wait,
        Cause::TraceSize,
        Cause::Memory,
        Cause::Shutdown,
        Cause::Alone,
    ];

    /// The value of labels and reports.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Cause::Policy => "policy",
            Cause::Quiet => "quiet",
            Cause::Wait => "decision_wait",
            Cause::TraceSize => "trace_size",
            Cause::Memory => "memory",
            Cause::Shutdown => "shutdown",
            Cause::Alone => "alone",
        }
    }
}

/// What is known of a decision that has been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Whether the trace was kept.
    pub(super) kept: bool,
    /// The policy that decided, and the part of it; see [`Decision`].
    pub(super) policy: Option<u8>,
    pub(super) part: Option<u8>,
    /// An [`Inclusion`] as its plan packs it: at most 66, as a plan has at most 64 thresholds.
    pub(super) inclusion: u8,
    pub(super) cause: Cause,
}

// From the low end: three bits for the cause, seven for the inclusion, seven for the policy, five for its part. Of both, 0 is none.
const CAUSE: u32 = 3;
const INCLUSION: u32 = 7;
const POLICY: u32 = 7;
const PART: u32 = 5;

impl Note {
    /// For a log record that belongs to no trace: there is nothing to follow, and it goes on.
    pub(super) const BELONGS_TO_NO_TRACE: Note = Note {
        kept: true,
        policy: None,
        part: None,
        inclusion: 0,
        cause: Cause::Alone,
    };

    pub(super) fn of(plan: &Plan, decision: &Decision, cause: Cause) -> Note {
        let inclusion = match decision.outcome {
            Outcome::Keep(inclusion) => inclusion,
            Outcome::Drop => Inclusion::Certain,
        };
        Note {
            kept: decision.keeps(),
            policy: decision.policy,
            part: decision.part,
            inclusion: plan.pack(inclusion),
            cause,
        }
    }

    /// For the buffer's memory. A part beyond the 31st is forgotten.
    pub(super) fn pack(self) -> buffer::Decision {
        let bits = |value: Option<u8>, width: u32| {
            let number = value.map_or(0, |value| u32::from(value) + 1);
            if number < 1 << width { number } else { 0 }
        };
        let mut note = bits(self.part, PART);
        note = note << POLICY | bits(self.policy, POLICY);
        note = note << INCLUSION | u32::from(self.inclusion) & ((1 << INCLUSION) - 1);
        note = note << CAUSE | self.cause as u32;
        buffer::Decision {
            kept: self.kept,
            note,
        }
    }

    pub(super) fn unpack(decision: buffer::Decision) -> Note {
        let mut rest = decision.note;
        let mut next = |width: u32| {
            let value = rest & ((1 << width) - 1);
            rest >>= width;
            value as u8
        };
        let cause = Cause::ALL.get(usize::from(next(CAUSE))).copied();
        Note {
            kept: decision.kept,
            cause: cause.unwrap_or(Cause::Alone),
            inclusion: next(INCLUSION),
            policy: next(POLICY).checked_sub(1),
            part: next(PART).checked_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn property_a_note_survives_packing(
            kept: bool,
            policy in prop::option::of(0..64_u8),
            part in prop::option::of(0..31_u8),
            inclusion in 0..=66_u8,
            cause in 0..Cause::ALL.len(),
        ) {
            let note = Note { kept, policy, part, inclusion, cause: Cause::ALL[cause] };
            prop_assert!(note.pack().note <= buffer::Decision::MAX_NOTE);
            prop_assert_eq!(Note::unpack(note.pack()), note);
        }
    }
}
