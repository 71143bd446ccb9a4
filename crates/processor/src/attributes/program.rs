//! A list of actions, compiled: by the wire editor where it can, else by going through the attributes one by one.
//!
//! The editor decides independent changes in one walk over the message, but its lists are fixed. A list with an action
//! that has a condition of its own, or that makes several attributes out of one, is carried out step by step: the
//! attributes are read into a table (`table.rs`), each action changes the table, and what is new is added behind the other fields.
//! Only if an attribute that came in was changed or removed are all of them written anew.

use super::action::{Action, Keys, Operation, Source};
use super::context::Known;
use super::table::{Body, Table};
use super::value::Change;
use forebay_core::Origin;
use forebay_otlp::WireError;
use forebay_otlp::edit::{AttributeEditor, AttributeRewrite, AttributeValue, Patch, Rewritten};
use regex::bytes::CaptureLocations;

/// A list of actions.
#[derive(Debug)]
pub(super) enum Program {
    /// Nothing to do.
    Empty,
    /// Done by the editor.
    Fixed(AttributeEditor),
    /// Done step by step, the ones whose selector holds.
    Steps(Vec<Step>),
}

/// One action, and the bit of its selector.
#[derive(Debug)]
pub(super) struct Step {
    operation: Operation,
    condition: u64,
}

/// What a pass keeps between messages, so that no message needs memory of its own.
#[derive(Debug)]
pub(super) struct Scratch<'o> {
    /// Where the batch came from.
    origin: &'o Origin,
    /// Values made on the way.
    pub(super) made: Vec<u8>,
    /// One value in the making.
    pub(super) spare: Vec<u8>,
    pub(super) locations: Option<CaptureLocations>,
}

impl<'o> Scratch<'o> {
    /// For a pass over a batch from `origin`.
    pub(super) fn new(origin: &'o Origin) -> Self {
        Scratch {
            origin,
            made: Vec::new(),
            spare: Vec::new(),
            locations: None,
        }
    }

    /// What is known of the sender, if it is.
    pub(super) fn known<'a>(&mut self, known: Known) -> Option<Body<'a>> {
        let start = self.made.len();
        known.encode(self.origin, &mut self.made).then_some(Body::Made {
            start,
            end: self.made.len(),
        })
    }
}

impl Program {
    /// Compiles `actions`; `condition` names the bit for an action's selector.
    pub(super) fn compile(actions: Vec<Action>, mut condition: impl FnMut(&Action) -> u64) -> Self {
        let fixed = |action: &Action| action.when.is_none() && action.operation.is_fixed();
        if actions.is_empty() {
            Program::Empty
        } else if actions.iter().all(fixed) {
            Program::Fixed(actions.into_iter().fold(AttributeEditor::new(), fix))
        } else {
            let step = |action: Action| Step {
                condition: condition(&action),
                operation: action.operation,
            };
            Program::Steps(actions.into_iter().map(step).collect())
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Program::Empty)
    }

    /// Changes the attributes of a message; `holding` are the selectors that hold.
    #[inline]
    pub(super) fn apply(
        &self,
        holding: u64,
        patch: &mut Patch<'_>,
        scratch: &mut Scratch<'_>,
    ) -> Result<(), WireError> {
        match self {
            Program::Empty => Ok(()),
            Program::Fixed(editor) => patch.edit_attributes(editor),
            Program::Steps(steps) => walk(steps, holding, patch, scratch),
        }
    }
}

/// Carries out the steps whose selectors hold, one after the other.
#[inline(never)]
fn walk(
    steps: &[Step],
    holding: u64,
    patch: &mut Patch<'_>,
    scratch: &mut Scratch<'_>,
) -> Result<(), WireError> {
    let mut table = Table::read(patch)?;
    scratch.made.clear();
    for step in steps.iter().filter(|step| step.condition & !holding == 0) {
        table.step(&step.operation, scratch);
    }
    table.write(patch, scratch)
}

/// Adds an action to an editor's list.
fn fix(editor: AttributeEditor, action: Action) -> AttributeEditor {
    match action.operation {
        Operation::Put {
            key,
            insert,
            update,
            source: Source::Constant(body),
            ..
        } => {
            let value = AttributeValue::Encoded(&body);
            match (insert, update) {
                (true, true) => editor.upsert(&key, value),
                (true, false) => editor.insert(&key, value),
                _ => editor.update(&key, value),
            }
        }
        Operation::Put {
            key,
            insert,
            update,
            source: Source::Attribute(source),
            default: None,
        } => match (insert, update) {
            (true, true) => editor.upsert_from(&key, &source),
            (true, false) => editor.insert_from(&key, &source),
            _ => editor.update_from(&key, &source),
        },
        Operation::Delete(key) => editor.delete(&key),
        Operation::DeleteMatching(pattern) => {
            editor.delete_matching(move |key| pattern.regex().is_match(key))
        }
        Operation::Keep(keys) => editor.delete_matching(move |key| !keys.has(key)),
        Operation::Rename { from, to } => editor.rename(&from, &to),
        Operation::Change { keys, change } => editor.rewrite(ChangeOf { keys, change }),
        // Lists with one never come here: see `Operation::is_fixed`.
        Operation::Extract { .. } | Operation::Put { .. } => editor,
    }
}

struct ChangeOf {
    keys: Keys,
    change: Change,
}

impl AttributeRewrite for ChangeOf {
    fn wants(&self, key: &[u8]) -> bool {
        self.keys.has(key)
    }

    fn rewrite(&self, _: &[u8], value: &[u8], out: &mut Vec<u8>) -> Rewritten {
        match self.change.apply(value, out) {
            Some(()) => Rewritten::Replace,
            None => Rewritten::Keep,
        }
    }
}
