//! The walk over a request: every message once, each field of it as what it is.

use super::cleaning::{Syntax, UNKNOWN};
use super::config::{ActionWord, Level, Summary};
use super::keys::{KeyMemory, KeyVerdict};
use super::plan::Plan;
use super::shapes::{self, Counted, METRIC, RESOURCE, Role, SCOPE, Shape};
use super::summary::Changes;
use super::tally::{BODY_LENGTH, Tally, Unfit, VALUE_LENGTH};
use crate::wire::{self, Scalar};
use forebay_otlp::edit::{Edit, FieldSet, ItemContext, Patch, Verdict};
use forebay_otlp::fields::key_value;
use forebay_otlp::{Cursor, Value, WireError};
use forebay_redaction::Scratch;
use forebay_redaction::statement::Language;

/// What a walk works with, to be used again for the next batch. It allocates where something is found.
#[derive(Debug, Default)]
pub(super) struct Workbench {
    pub(super) scratch: Scratch,
    pub(super) keys: KeyMemory,
    pub(super) tally: Tally,
    /// Values that are put in the place of others, as they are written.
    pub(super) out: Vec<u8>,
    /// A text that was sanitised.
    pub(super) clean: Vec<u8>,
    /// Numbers in digits.
    pub(super) digits: Vec<u8>,
    pub(super) changes: Changes,
}

/// A buffer that became larger is not kept for the next batch.
const KEPT_BYTES: usize = 64 << 10;

impl Workbench {
    /// Gives back what a large value has made large.
    pub(super) fn tidy(&mut self) {
        for buffer in [&mut self.out, &mut self.clean, &mut self.digits] {
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES);
        }
    }
}

/// One walk over one request.
pub(super) struct Walk<'p> {
    pub(super) plan: &'p Plan,
    pub(super) bench: &'p mut Workbench,
    /// The message that is looked at has something for which its items are dropped.
    doomed: bool,
    /// So has the resource, the scope or the metric.
    lost: [bool; 3],
    /// The language of statements of the item that is looked at.
    pub(super) language: Language,
}

/// Where a value stands, and what is to be done with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) level: Level,
    /// How many maps and lists are around it.
    pub(super) depth: u64,
    /// Whether it is in the value of a key.
    pub(super) is_keyed: bool,
    /// Whether rules look at it.
    pub(super) is_judged: bool,
    /// What it is.
    pub(super) syntax: Syntax,
    /// The most characters, and whose limit it is: that of a length, or of a rule.
    pub(super) most: usize,
    pub(super) by: CutBy,
}

/// Who has a value cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum CutBy {
    Length(usize),
    Rule(u16),
}

/// How many of something there were.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    kept: usize,
    dropped: u32,
    /// The field that says how many were dropped.
    field: u32,
}

/// How many there were in one message.
#[derive(Debug, Default)]
struct Counts {
    attributes: Count,
    events: Count,
    links: Count,
}

impl Counts {
    /// Those of what is limited as such.
    fn of(&mut self, counted: Counted) -> &mut Count {
        match counted {
            Counted::Events => &mut self.events,
            Counted::Links => &mut self.links,
            _ => &mut self.attributes,
        }
    }

    /// Adds what was dropped to what the message says of it.
    #[inline]
    fn write(self, patch: &mut Patch<'_>) -> Result<(), WireError> {
        for count in [self.attributes, self.events, self.links] {
            if count.dropped > 0 && count.field > 0 {
                raise(patch, count.field, count.dropped)?;
            }
        }
        Ok(())
    }
}

impl<'p> Walk<'p> {
    pub(super) fn new(plan: &'p Plan, bench: &'p mut Workbench) -> Self {
        Walk {
            plan,
            bench,
            doomed: false,
            lost: [false; 3],
            language: UNKNOWN,
        }
    }

    /// Whether the message that was looked at last has something for which its items are dropped.
    fn is_doomed(&mut self) -> bool {
        std::mem::take(&mut self.doomed)
    }

    /// A message: a resource, a scope, a metric, an item, or one within.
    fn message(&mut self, shape: &'static Shape, patch: &mut Patch<'_>) -> Result<(), WireError> {
        let mut counts = Counts::default();
        counts.attributes.field = shape.dropped;
        patch.visit(shape.fields, |number, field| match shape.role(number) {
            Some(role) => self.field(shape, role, field, &mut counts),
            None => Ok(Verdict::Keep),
        })?;
        counts.write(patch)
    }

    /// A resource, a scope, a metric or an item.
    #[inline]
    fn whole(&mut self, shape: &'static Shape, patch: &mut Patch<'_>) -> Result<(), WireError> {
        self.message(shape, patch)?;
        if self.plan.summary != Summary::Silent {
            if shape.summarises {
                self.bench.changes.write(patch)?;
            }
            self.bench.changes.forget();
        }
        Ok(())
    }

    #[inline]
    fn field(
        &mut self,
        shape: &'static Shape,
        role: Role,
        field: &mut Patch<'_>,
        counts: &mut Counts,
    ) -> Result<Verdict, WireError> {
        match role {
            Role::Attribute => self.attribute_of(shape, field, &mut counts.attributes),
            Role::Text(level) => self.marked(|walk| walk.text(walk.at(level), field)),
            Role::Token(level) => self.marked(|walk| walk.token(level, field)),
            Role::Body => self.marked(|walk| walk.body(field)),
            Role::Child(shape) => {
                self.message(shape, field)?;
                Ok(Verdict::Keep)
            }
            Role::Counted(shape, counted, dropped) => {
                let count = counts.of(counted);
                count.field = dropped;
                if count.kept >= self.plan.limits.of(counted) {
                    count.dropped = count.dropped.saturating_add(1);
                    self.bench.tally.limited(counted);
                    return Ok(Verdict::Drop);
                }
                count.kept += 1;
                self.message(shape, field)?;
                Ok(Verdict::Keep)
            }
        }
    }

    /// An attribute of a message, as long as there may be another one.
    #[inline]
    fn attribute_of(
        &mut self,
        shape: &'static Shape,
        attribute: &mut Patch<'_>,
        count: &mut Count,
    ) -> Result<Verdict, WireError> {
        let is_full = shape
            .limit
            .is_some_and(|limit| count.kept >= self.plan.limits.of(limit));
        let verdict = match shape.limit {
            Some(limit) if is_full => {
                self.bench.tally.limited(limit);
                Verdict::Drop
            }
            limit => {
                let most = limit.map_or(usize::MAX, |_| self.plan.limits.value_length);
                let at = At {
                    most,
                    ..self.at(shape.level)
                };
                self.entry(at, attribute)?
            }
        };
        match verdict {
            Verdict::Keep => count.kept += 1,
            Verdict::Drop => count.dropped = count.dropped.saturating_add(1),
        }
        Ok(verdict)
    }

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

    /// Something has an item dropped, and is removed itself, for there may be no item.
    pub(super) fn doom(&mut self) -> Verdict {
        self.doomed = true;
        Verdict::Drop
    }

    /// Something cannot be judged.
    pub(super) fn unfit(&mut self, why: Unfit) -> Verdict {
        self.bench.tally.unfit(why);
        if self.plan.fails_closed {
            self.doom()
        } else {
            Verdict::Keep
        }
    }

    /// Where something stands that is no attribute.
    pub(super) fn at(&self, level: Level) -> At {
        At {
            level,
            depth: 0,
            is_keyed: false,
            is_judged: true,
            syntax: Syntax::Text,
            most: usize::MAX,
            by: CutBy::Length(VALUE_LENGTH),
        }
    }

    fn body(&mut self, body: &mut Patch<'_>) -> Result<Verdict, WireError> {
        let at = At {
            most: self.plan.limits.body_length,
            by: CutBy::Length(BODY_LENGTH),
            ..self.at(Level::Body)
        };
        self.value(at, body)
    }

    /// Something that is no attribute, with which changes are told for themselves.
    fn marked(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<Verdict, WireError>,
    ) -> Result<Verdict, WireError> {
        let before = self.bench.changes.count();
        let outcome = change(self)?;
        if self.plan.summary != Summary::Silent {
            self.bench.changes.note(before, outcome, &[], self.plan.summary);
        }
        Ok(outcome)
    }
}

impl Edit for Walk<'_> {
    fn resource(&mut self, resource: &mut Patch<'_>) -> Result<(), WireError> {
        self.whole(&RESOURCE, resource)?;
        self.lost = [self.is_doomed(), false, false];
        Ok(())
    }

    fn scope(&mut self, scope: &mut Patch<'_>) -> Result<(), WireError> {
        self.whole(&SCOPE, scope)?;
        let [resource, _, _] = self.lost;
        self.lost = [resource, self.is_doomed(), false];
        Ok(())
    }

    fn metric(&mut self, metric: &mut Patch<'_>) -> Result<(), WireError> {
        self.whole(&METRIC, metric)?;
        let [resource, scope, _] = self.lost;
        self.lost = [resource, scope, self.is_doomed()];
        Ok(())
    }

    #[inline]
    fn item(&mut self, context: &ItemContext<'_>, item: &mut Patch<'_>) -> Result<Verdict, WireError> {
        if self.lost != [false; 3] {
            return Ok(Verdict::Drop);
        }
        if self.plan.cleaning.asks_for_language() {
            self.language = language(context)?;
        }
        self.whole(shapes::of_item(context), item)?;
        Ok(if self.is_doomed() {
            Verdict::Drop
        } else {
            Verdict::Keep
        })
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

/// In which language statements are, by the database that an item names.
fn language(context: &ItemContext<'_>) -> Result<Language, WireError> {
    for key in ["db.system.name", "db.system"] {
        let named = wire::attribute(context.item, context.attributes, key.as_bytes())?;
        if let Some(Scalar::Text(name)) = named.map(Scalar::read) {
            return Ok(std::str::from_utf8(name).map_or(UNKNOWN, Language::of_system));
        }
    }
    Ok(UNKNOWN)
}

/// Adds to a count of what was dropped.
fn raise(patch: &mut Patch<'_>, number: u32, more: u32) -> Result<(), WireError> {
    let before = match patch.field(number)? {
        Some(Value::Varint(count)) => u32::try_from(count).unwrap_or(u32::MAX),
        _ => 0,
    };
    patch.set_field(number, Value::Varint(before.saturating_add(more).into()))
}
