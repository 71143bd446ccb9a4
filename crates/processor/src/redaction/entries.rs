//! Attributes and entries of maps: what is said of their keys, and what that means for their values.

use super::config::{ActionWord, Summary};
use super::keys::KeyVerdict;
use super::walk::{At, CutBy, Walk};
use super::workbench::Workbench;
use forebay_otlp::edit::{FieldSet, Patch, Verdict};
use forebay_otlp::fields::key_value;
use forebay_otlp::{Cursor, Value, WireError};

impl Walk<'_> {
    /// An attribute, or an entry of a map.
    #[inline]
    pub(super) fn entry(&mut self, at: At, entry: &mut Patch<'_>) -> Result<Verdict, WireError> {
        let (key, verdict) = self.judge_keys(at, entry.message())?;
        let before = self.bench.changes.count();
        let outcome = self.entry_of(at, verdict, entry)?;
        if self.plan.summary != Summary::Silent {
            let key = if verdict.tells.is_some() { b"****" } else { key };
            self.bench.changes.note(before, outcome, key, self.plan.summary);
        }
        Ok(outcome)
    }

    #[inline]
    fn entry_of(&mut self, at: At, key: KeyVerdict, entry: &mut Patch<'_>) -> Result<Verdict, WireError> {
        const VALUE: FieldSet = FieldSet::of(&[key_value::VALUE]);
        if at.is_judged {
            if let Some(rule) = key.tells {
                return Ok(self.removed_for_its_key(rule));
            }
            // What is in the value of an allowed key is allowed with it.
            if key.is_strange && !at.is_keyed {
                self.bench.tally.found(self.plan.strange());
                return Ok(Verdict::Drop);
            }
        }
        let mut at = At {
            is_keyed: true,
            is_judged: at.is_judged && !key.is_ignored,
            syntax: key.syntax,
            ..at
        };
        let hides = key.hides.filter(|_| at.is_judged);
        if let Some((index, rule)) = hides.and_then(|index| Some((index, self.plan.rule(index)?))) {
            if rule.action != ActionWord::Truncate {
                return self.hide(index, entry);
            }
            at.most = at.most.min(rule.length);
            at.by = CutBy::Rule(index);
        }
        let mut outcome = Verdict::Keep;
        entry.visit(VALUE, |_, value| {
            if self.value(at, value)? == Verdict::Drop {
                outcome = Verdict::Drop;
            }
            Ok(Verdict::Keep)
        })?;
        Ok(outcome)
    }

    /// The key of an entry, and what is to be done because of it. Where it has several, of which decoders take the last one, all are judged.
    #[inline]
    fn judge_keys<'m>(&mut self, at: At, entry: &'m [u8]) -> Result<(&'m [u8], KeyVerdict), WireError> {
        if let Some(key) = plain_key(entry) {
            return Ok((key, self.judge_key(at, key)));
        }
        let mut cursor = Cursor::new(entry);
        let mut judged: Option<(&[u8], KeyVerdict)> = None;
        while let Some(field) = cursor.next_field()? {
            if let (key_value::KEY, Value::Len(key)) = (field.number, field.value) {
                let verdict = self.judge_key(at, key);
                judged = Some(match judged {
                    None => (key, verdict),
                    Some((_, earlier)) => (key, earlier.and(verdict)),
                });
            }
        }
        Ok(match judged {
            Some(judged) => judged,
            None => (&[], self.judge_key(at, &[])),
        })
    }

    #[inline]
    fn judge_key(&mut self, at: At, key: &[u8]) -> KeyVerdict {
        let Workbench { keys, scratch, .. } = &mut *self.bench;
        keys.judge(self.plan, at.level, key, scratch)
    }

    /// A key that has something in it which must not leave cannot be made another one: two keys could become the same.
    fn removed_for_its_key(&mut self, rule: u16) -> Verdict {
        self.bench.tally.found(rule.into());
        let action = self.plan.rule(rule).map(|rule| rule.action);
        self.doomed |= action == Some(ActionWord::DropItem);
        Verdict::Drop
    }
}

/// The key of an entry that is a key and a value, in this order and nothing else, as every encoder writes it, with lengths that encoders give
/// in one byte each.
#[inline]
fn plain_key(entry: &[u8]) -> Option<&[u8]> {
    const KEY_TAG: u8 = (key_value::KEY as u8) << 3 | 2;
    const VALUE_TAG: u8 = (key_value::VALUE as u8) << 3 | 2;
    let (&[KEY_TAG, length @ 0..0x80], rest) = entry.split_first_chunk()? else {
        return None;
    };
    let (key, rest) = rest.split_at_checked(usize::from(length))?;
    match rest {
        [VALUE_TAG, length @ 0..0x80, value @ ..] if value.len() == usize::from(*length) => Some(key),
        _ => None,
    }
}
