//! Log records, one by one.

use super::config::AttributeSource;
use super::decision::{Carried, Change, Priority, Sampler, Source};
use super::meter::Tally;
use crate::probability::{RANDOMNESS, RecordHead, THRESHOLD, Wanted, set_text};
use crate::wire::{self, Scalar};
use forebay_otlp::WireError;
use forebay_otlp::edit::{Edit, ItemContext, Patch, Verdict};
use forebay_otlp::fields::any_value;
use forebay_sampling::probability::{Randomness, Threshold};
use std::io::Write;

/// One pass over a request.
#[derive(Debug)]
pub(super) struct RecordPass<'s> {
    sampler: &'s Sampler,
    source: AttributeSource,
    wanted: &'s Wanted,
    tally: Tally,
    scratch: Vec<u8>,
}

impl<'s> RecordPass<'s> {
    pub(super) fn new(sampler: &'s Sampler, source: AttributeSource, wanted: &'s Wanted) -> Self {
        RecordPass {
            sampler,
            source,
            wanted,
            tally: Tally::default(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What the record is sampled by.
    fn source<'a>(&'a mut self, head: &RecordHead<'a>) -> Result<Source<'a>, WireError> {
        if self.source == AttributeSource::TraceId
            && let source @ Source::TraceId(..) = Source::of_trace(head.trace_id)
        {
            return Ok(source);
        }
        let Some(value) = head.source else {
            return Ok(Source::Nothing);
        };
        Ok(match hashed(value, &mut self.scratch)? {
            [] => Source::Nothing,
            bytes => Source::Attribute(bytes),
        })
    }

    fn write(&mut self, record: &mut Patch<'_>, change: Change) -> Result<(), WireError> {
        if let Some(randomness) = change.randomness {
            set_text(
                record,
                RANDOMNESS,
                randomness.to_hex().as_str(),
                &mut self.scratch,
            )?;
        }
        set_text(
            record,
            THRESHOLD,
            change.threshold.to_hex().as_str(),
            &mut self.scratch,
        )
    }
}

impl Edit for RecordPass<'_> {
    fn item(&mut self, context: &ItemContext<'_>, record: &mut Patch<'_>) -> Result<Verdict, WireError> {
        let head = RecordHead::read(context.item, self.wanted)?;
        let sampler = self.sampler;
        let source = self.source(&head)?;
        let decision = sampler.decide(source, carried(&head), priority(head.priority));
        if let Some(change) = decision.change {
            self.write(record, change)?;
        }
        self.tally.count(decision.policy, decision.keep);
        Ok(if decision.keep {
            Verdict::Keep
        } else {
            Verdict::Drop
        })
    }
}

/// The sampling values of a record; nothing if they cannot be read.
fn carried(head: &RecordHead<'_>) -> Option<Carried> {
    Some(Carried {
        threshold: head.threshold().map(Threshold::parse).transpose().ok()?,
        randomness: head.randomness().map(Randomness::parse).transpose().ok()?,
    })
}

/// What a record asks for by its attribute: a percentage. Below zero, or no number, is nothing.
fn priority(attribute: Option<Scalar<'_>>) -> Priority {
    let percent = match attribute {
        Some(Scalar::Int(value)) => value as f64,
        Some(Scalar::Double(value)) => value,
        _ => return Priority::Usual,
    };
    if percent == 0.0 {
        Priority::Drop
    } else if percent >= 100.0 {
        Priority::Keep
    } else if percent > 0.0 {
        Priority::Percent(percent)
    } else {
        Priority::Usual
    }
}

/// The bytes of a value that the Collector hashes: strings and bytes as they are, other scalars as text. Nothing for others.
fn hashed<'a>(value: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], WireError> {
    scratch.clear();
    let written = match Scalar::read(value) {
        Scalar::Text(text) => return Ok(text),
        Scalar::Other => return wire::first_bytes(value, any_value::BYTES_VALUE),
        Scalar::Int(value) => write!(scratch, "{value}"),
        Scalar::Bool(value) => write!(scratch, "{value}"),
        Scalar::Double(value) => write_double(scratch, value),
    };
    // Writing to memory does not fail; if it did, there would be nothing to hash.
    Ok(written.map_or(&[], |()| scratch))
}

/// Writes a double as JSON of the Collector's has it: as short as can be, without exponent from 1e-6 up to 1e21.
fn write_double(out: &mut Vec<u8>, value: f64) -> std::io::Result<()> {
    let size = value.abs();
    if !value.is_finite() {
        Ok(())
    } else if size >= 1e21 {
        let text = format!("{value:e}");
        write!(out, "{}", text.replace('e', "e+"))
    } else if size != 0.0 && size < 1e-6 {
        write!(out, "{value:e}")
    } else {
        write!(out, "{value}")
    }
}
