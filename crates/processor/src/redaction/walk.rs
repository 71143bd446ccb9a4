//! The walk over a request: every message once, each field of it as what it is.

use super::cleaning::{Syntax, UNKNOWN};
use super::config::{Level, Summary};
use super::counts::{Count, Counts};
use super::plan::Plan;
use super::shapes::{self, METRIC, RESOURCE, Role, SCOPE, Shape};
use super::tally::{BODY_LENGTH, Unfit, VALUE_LENGTH};
use super::workbench::Workbench;
use crate::wire::{self, Scalar};
use forebay_otlp::WireError;
use forebay_otlp::edit::{Edit, ItemContext, Patch, Verdict};
use forebay_redaction::statement::Language;

/// One walk over one request.
pub(super) struct Walk<'p> {
    pub(super) plan: &'p Plan,
    pub(super) bench: &'p mut Workbench,
    /// The message that is looked at has something for which its items are dropped.
    pub(super) doomed: bool,
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
