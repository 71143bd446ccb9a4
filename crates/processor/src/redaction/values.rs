//! Values: texts, bytes, numbers, and maps and lists of them.

use super::cleaning::{Cleaned, Syntax};
use super::config::{ActionWord, Level};
use super::tally::Unfit;
use super::walk::{At, CutBy, Walk};
use super::workbench::Workbench;
use forebay_otlp::edit::{AttributeValue, FieldSet, Patch, Verdict};
use forebay_otlp::fields::{any_value, array_value, key_value, key_value_list};
use forebay_otlp::views::Scalar;
use forebay_otlp::{Cursor, Value, WireError};
use forebay_redaction::{Action, Outcome, limits};
use std::io::Write;

/// What is put in the place of what has no text that a part could be kept of.
const STARS: &[u8] = b"****";

/// The tag of a text in an `AnyValue`.
const STRING_TAG: u8 = (any_value::STRING_VALUE as u8) << 3 | 2;

/// What of a value is a text, or has values in it.
const WITHIN: FieldSet = FieldSet::of(&[
    any_value::STRING_VALUE,
    any_value::BYTES_VALUE,
    any_value::ARRAY_VALUE,
    any_value::KVLIST_VALUE,
]);
const ELEMENTS: FieldSet = FieldSet::of(&[array_value::VALUES]);
const ENTRIES: FieldSet = FieldSet::of(&[key_value_list::VALUES]);

impl Walk<'_> {
    /// A value, an `AnyValue`.
    #[inline]
    pub(super) fn value(&mut self, at: At, value: &mut Patch<'_>) -> Result<Verdict, WireError> {
        if at.is_judged && self.plan.redact_all_types && self.plan.looks(at.level) {
            // What is put in the place of a number takes that of the whole value.
            if let Some(verdict) = self.numbers(at, value)? {
                return Ok(verdict);
            }
        }
        let mut outcome = Verdict::Keep;
        value.visit(WITHIN, |number, inner| {
            let verdict = match number {
                any_value::STRING_VALUE => self.text(at, inner)?,
                any_value::BYTES_VALUE => self.bytes(at, inner),
                number => self.collection(at, number, inner)?,
            };
            if verdict == Verdict::Drop {
                outcome = Verdict::Drop;
            }
            Ok(Verdict::Keep)
        })?;
        Ok(outcome)
    }

    /// A map or a list.
    fn collection(&mut self, at: At, number: u32, collection: &mut Patch<'_>) -> Result<Verdict, WireError> {
        if at.depth >= self.plan.max_depth && at.is_judged {
            return Ok(self.unfit(Unfit::TooDeep));
        }
        let at = At {
            depth: at.depth + 1,
            ..at
        };
        if number == any_value::ARRAY_VALUE {
            collection.visit(ELEMENTS, |_, element| self.value(at, element))?;
        } else {
            collection.visit(ENTRIES, |_, entry| self.entry(at, entry))?;
        }
        Ok(Verdict::Keep)
    }

    /// A text.
    #[inline]
    pub(super) fn text(&mut self, at: At, text: &mut Patch<'_>) -> Result<Verdict, WireError> {
        if at.syntax != Syntax::Text && at.is_judged {
            return Ok(self.clean(at, text));
        }
        let bytes = text.message();
        Ok(self.judge_text(at, bytes, false, text))
    }

    /// Sanitises a text, and looks for patterns in what is left.
    #[inline(never)]
    fn clean(&mut self, at: At, text: &mut Patch<'_>) -> Verdict {
        let bytes = text.message();
        if let Some(why) = self.unfit_text(bytes) {
            return self.unfit(why);
        }
        let mut clean = std::mem::take(&mut self.bench.clean);
        clean.clear();
        let mut cleaned = self
            .plan
            .cleaning
            .clean(at.syntax, self.language, bytes, &mut clean);
        if cleaned == Cleaned::Foreign && self.plan.fails_closed && !bytes.is_empty() {
            clean.extend_from_slice(STARS);
            cleaned = Cleaned::Changed;
        }
        let verdict = if cleaned == Cleaned::Changed {
            self.bench.tally.found(self.plan.cleaned(at.syntax));
            self.bench.changes.mask();
            self.judge_text(at, &clean, true, text)
        } else {
            self.judge_text(at, bytes, false, text)
        };
        self.bench.clean = clean;
        verdict
    }

    /// Looks for patterns in `bytes`, which are the text or, if it `is_changed`, what becomes of it.
    #[inline]
    fn judge_text(&mut self, at: At, bytes: &[u8], mut is_changed: bool, text: &mut Patch<'_>) -> Verdict {
        let mut becomes = bytes;
        if at.is_judged && !bytes.is_empty() && self.plan.looks(at.level) {
            if let Some(why) = self.unfit_text(bytes) {
                return self.unfit(why);
            }
            match self.redact(at.level, bytes) {
                Some(false) => {}
                Some(true) => {
                    is_changed = true;
                    becomes = self.bench.scratch.text();
                }
                None => return Verdict::Drop,
            }
        }
        if becomes.len() <= at.most && !is_changed {
            return Verdict::Keep;
        }
        match limits::cut_text(becomes, at.most) {
            Some(cut) => {
                text.replace(cut);
                self.note_cut(at.by);
            }
            None if is_changed => text.replace(becomes),
            None => {}
        }
        Verdict::Keep
    }

    /// Why a text cannot be judged, if so.
    #[inline]
    fn unfit_text(&self, text: &[u8]) -> Option<Unfit> {
        if text.len() > self.plan.max_value_bytes {
            Some(Unfit::TooLarge)
        } else if std::str::from_utf8(text).is_err() {
            Some(Unfit::NotUtf8)
        } else {
            None
        }
    }

    /// An array of bytes.
    fn bytes(&mut self, at: At, patch: &mut Patch<'_>) -> Verdict {
        let bytes = patch.message();
        let mut is_changed = false;
        if at.is_judged && self.plan.redact_all_types && !bytes.is_empty() && self.plan.looks(at.level) {
            if bytes.len() > self.plan.max_value_bytes {
                return self.unfit(Unfit::TooLarge);
            }
            match self.redact(at.level, bytes) {
                Some(changed) => is_changed = changed,
                None => return Verdict::Drop,
            }
        }
        let becomes = if is_changed {
            self.bench.scratch.text()
        } else {
            bytes
        };
        match limits::cut_bytes(becomes, at.most) {
            Some(cut) => {
                patch.replace(cut);
                self.note_cut(at.by);
            }
            None if is_changed => patch.replace(becomes),
            None => {}
        }
        Verdict::Keep
    }

    fn note_cut(&mut self, by: CutBy) {
        match by {
            CutBy::Length(limit) => self.bench.tally.cut(limit),
            CutBy::Rule(rule) => self.bench.tally.found(rule.into()),
        }
        self.bench.changes.mask();
    }

    /// A text in a syntax: it goes as a whole.
    pub(super) fn token(&mut self, level: Level, token: &mut Patch<'_>) -> Result<Verdict, WireError> {
        let bytes = token.message();
        if bytes.is_empty() || !self.plan.looks(level) {
            return Ok(Verdict::Keep);
        }
        if let Some(why) = self.unfit_text(bytes) {
            return Ok(self.unfit(why));
        }
        Ok(match self.redact(level, bytes) {
            Some(false) => Verdict::Keep,
            Some(true) | None => Verdict::Drop,
        })
    }

    /// Looks for patterns in a text, and counts what it finds. Whether the text is another now, which is in the scratch; nothing if it is
    /// to be removed.
    #[inline]
    fn redact(&mut self, level: Level, text: &[u8]) -> Option<bool> {
        match self.plan.redact(level, text, &mut self.bench.scratch) {
            Outcome::Unchanged => Some(false),
            Outcome::Changed => {
                let Workbench { scratch, tally, .. } = &mut *self.bench;
                for pattern in scratch.hits() {
                    tally.found(self.plan.rule_of(level, *pattern).into());
                }
                self.bench.changes.mask();
                Some(true)
            }
            Outcome::Dropped(pattern) => {
                let rule = self.plan.rule_of(level, pattern);
                self.bench.tally.found(rule.into());
                if self.plan.rule(rule).map(|rule| rule.action) == Some(ActionWord::DropItem) {
                    self.doom();
                }
                None
            }
        }
    }

    /// The integers and doubles of a value, of which there is one at most: what becomes of the value if something is found in it.
    #[inline]
    fn numbers(&mut self, at: At, value: &mut Patch<'_>) -> Result<Option<Verdict>, WireError> {
        // Nearly all values are this: one short text.
        if let [STRING_TAG, length @ 0..0x80, text @ ..] = value.message()
            && text.len() == usize::from(*length)
        {
            return Ok(None);
        }
        let mut cursor = Cursor::new(value.message());
        while let Some(field) = cursor.next_field()? {
            let mut digits = std::mem::take(&mut self.bench.digits);
            digits.clear();
            let written = match (field.number, field.value) {
                (any_value::INT_VALUE, Value::Varint(number)) => write!(digits, "{}", number.cast_signed()),
                (any_value::DOUBLE_VALUE, Value::Fixed64(bits)) => {
                    write_whole(f64::from_bits(bits), &mut digits)
                }
                _ => Ok(()),
            };
            let found = if written.is_ok() && !digits.is_empty() {
                self.redact(at.level, &digits)
            } else {
                Some(false)
            };
            self.bench.digits = digits;
            match found {
                Some(false) => {}
                Some(true) => {
                    let Workbench { scratch, out, .. } = &mut *self.bench;
                    put_text(value, scratch.text(), out);
                    return Ok(Some(Verdict::Keep));
                }
                None => return Ok(Some(Verdict::Drop)),
            }
        }
        Ok(None)
    }

    /// Hides the value of an entry as a whole, as a rule says.
    #[inline(never)]
    pub(super) fn hide(&mut self, index: u16, entry: &mut Patch<'_>) -> Result<Verdict, WireError> {
        self.bench.tally.found(index.into());
        let Some(rule) = self.plan.rule(index) else {
            return Ok(Verdict::Keep);
        };
        match rule.action {
            ActionWord::Drop => return Ok(Verdict::Drop),
            ActionWord::DropItem => return Ok(self.doom()),
            _ => self.bench.changes.mask(),
        }
        let Workbench { out, digits, .. } = &mut *self.bench;
        entry.visit(FieldSet::of(&[key_value::VALUE]), |_, value| {
            digits.clear();
            hidden(&rule.hide, value.message(), out, digits);
            put_text(value, digits, out);
            Ok(Verdict::Keep)
        })?;
        Ok(Verdict::Keep)
    }
}

/// A double in digits if it is a whole number that a double holds exactly: what has a fraction was measured, and its digits are random.
fn write_whole(number: f64, digits: &mut Vec<u8>) -> std::io::Result<()> {
    const EXACT: f64 = (1_u64 << 53) as f64;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        write!(digits, "{number}")?;
    }
    Ok(())
}

/// What a value is replaced by, into `text`. `plain` is for the value as a text.
fn hidden(hide: &Action, value: &[u8], plain: &mut Vec<u8>, text: &mut Vec<u8>) {
    plain.clear();
    // Writing into memory does not fail.
    let _ = match Scalar::read(value) {
        Scalar::Text(text) => plain.write_all(text),
        Scalar::Int(number) => write!(plain, "{number}"),
        Scalar::Double(number) => write!(plain, "{number}"),
        Scalar::Bool(value) => write!(plain, "{value}"),
        // A hash of what is no text is one of its bytes on the wire; and nothing of it is kept.
        Scalar::Other => match hide {
            Action::Hash(_) => plain.write_all(value),
            _ => Ok(()),
        },
    };
    match hide {
        Action::Mask(mask) => mask.write(plain, text),
        Action::Hash(key) => key.write(plain, text),
        Action::Truncate | Action::Drop => text.extend_from_slice(STARS),
    }
}

/// Makes a value a text.
fn put_text(value: &mut Patch<'_>, text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    // What is put in is made of whole characters of texts; what was no text is not shown.
    let text = std::str::from_utf8(text).unwrap_or("****");
    AttributeValue::String(text).encode(out);
    value.replace(out);
}
