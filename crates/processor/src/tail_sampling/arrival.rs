//! Taking a batch in: each item to its trace, or after its trace.

use super::note::{Cause, Note};
use super::partition::trace_id;
use super::state::{State, nanos};
use forebay_core::{Batch, Outputs, Reason, Signal, Time};
use forebay_otlp::edit::ScopeItems;
use forebay_sampling::buffer::{EnvelopeId, First, Refusal, TraceId, TraceRef};
use forebay_sampling::policy::{EnvelopeBits, Facts, Stage};

/// An id that is no trace's: W3C Trace Context, "trace-id".
const INVALID: TraceId = [0; 16];

/// An item on its way in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) signal: Signal,
    pub(super) envelope: EnvelopeId,
    pub(super) bytes: &'a [u8],
    bits: EnvelopeBits,
    id: TraceId,
}

/// When, and where to what leaves.
pub(super) struct Turn<'t> {
    pub(super) now: Time,
    pub(super) out: &'t mut Outputs,
}

/// What taking in keeps between batches: memory only.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    resource: Vec<u8>,
    scope: Vec<u8>,
    ids: Vec<TraceId>,
    found: Vec<Option<TraceRef>>,
    /// The traces to which this batch has added spans.
    grown: Vec<TraceRef>,
}

/// What became of an attempt to put an item into the buffer.
enum Placed {
    /// It is in this trace.
    In(TraceRef),
    /// Its trace was decided before.
    Late(Note),
    /// Something had to leave first: to be tried again.
    Again,
    /// It fits nowhere.
    Nowhere,
}

impl State {
    /// Takes all items of a batch. Its sender is told that all is well.
    pub(super) fn take_in(&mut self, batch: Batch, turn: &mut Turn<'_>) {
        let (signal, mut left) = (batch.signal(), batch.items());
        let (payload, holding) = batch.hold();
        self.held.add(signal, holding);
        let request = payload.contiguous();
        let mut outline = std::mem::take(&mut self.outline);
        // What cannot be read ends the request; the door lets no such thing in.
        if let Ok(scopes) = outline.read(signal, &request) {
            for scope in scopes {
                self.take_scope(signal, &scope, &mut left, turn);
            }
        }
        self.outline = outline;
        self.held.lose(signal, left, Reason::Malformed);
        if self.settings.decide_early {
            self.decide_grown(turn);
        }
        self.scratch.grown.clear();
    }

    /// Takes the items of one scope, at most `left` of them.
    fn take_scope(&mut self, signal: Signal, scope: &ScopeItems<'_>, left: &mut u64, turn: &mut Turn<'_>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let Some(envelope) = self.intern(signal, scope, &mut scratch, turn) else {
            let items = (scope.items().len() as u64).min(*left);
            *left -= items;
            self.scratch = scratch;
            return self.held.lose(signal, items, Reason::TooLarge);
        };
        let context = scope.context();
        let bits = self.plan.observe_envelope(context.resource, context.scope);
        scratch.ids.clear();
        scratch
            .ids
            .extend(scope.items().map(|item| id_of(trace_id(signal, item))));
        scratch.found.clear();
        self.buffer.find_all(&scratch.ids, &mut scratch.found);
        let places = scratch.ids.iter().zip(&scratch.found);
        for (bytes, (id, found)) in scope.items().zip(places) {
            let Some(rest) = left.checked_sub(1) else { break };
            *left = rest;
            let item = Item {
                signal,
                envelope,
                bytes,
                bits,
                id: *id,
            };
            if let Some(trace) = self.take_item(&item, *found, turn)
                && scratch.grown.last() != Some(&trace)
            {
                scratch.grown.push(trace);
            }
        }
        self.scratch = scratch;
    }

    /// Makes what the items stand in known. If there is no room for it although nothing is held, the items are lost: the budget is
    /// too small for anything.
    fn intern(
        &mut self,
        signal: Signal,
        scope: &ScopeItems<'_>,
        scratch: &mut Scratch,
        turn: &mut Turn<'_>,
    ) -> Option<EnvelopeId> {
        let resource = scope.resource_shell(&mut scratch.resource);
        let shell = scope.scope_shell(&mut scratch.scope);
        loop {
            match self.buffer.intern(signal, resource, shell) {
                Ok(envelope) => return Some(envelope),
                Err(_) if self.make_room(turn) => self.buffer.tidy(),
                Err(_) => return None,
            }
        }
    }

    /// Takes one item; the trace that has grown by it, if one has.
    fn take_item(
        &mut self,
        item: &Item<'_>,
        mut found: Option<TraceRef>,
        turn: &mut Turn<'_>,
    ) -> Option<TraceRef> {
        if item.id == INVALID {
            match item.signal {
                Signal::Logs => self.pass(item, Note::BELONGS_TO_NO_TRACE, false, turn),
                _ => self.judge_alone(item, turn),
            }
            return None;
        }
        loop {
            match self.place(item, found, turn) {
                Placed::In(trace) => {
                    self.observe(trace, item, turn.now);
                    return Some(trace);
                }
                Placed::Late(note) => {
                    self.counts.late(note);
                    self.pass(item, note, true, turn);
                    return None;
                }
                Placed::Again => found = None,
                Placed::Nowhere => {
                    self.judge_alone(item, turn);
                    return None;
                }
            }
        }
    }

    /// Tries to put an item where it belongs: into the trace that was `found`, if it still is.
    #[inline]
    fn place(&mut self, item: &Item<'_>, found: Option<TraceRef>, turn: &mut Turn<'_>) -> Placed {
        // A trace may have begun, or have left, since it was looked for.
        let Some(trace) = found.or_else(|| self.buffer.find(&item.id)) else {
            return self.begin(item, turn);
        };
        match self.buffer.append(trace, item.envelope, item.bytes) {
            Ok(()) => Placed::In(trace),
            Err(refusal) => self.refused(refusal, Some(trace), turn),
        }
    }

    /// Puts the first item of a trace in, unless the trace has come before.
    fn begin(&mut self, item: &Item<'_>, turn: &mut Turn<'_>) -> Placed {
        if let Some(decision) = self.buffer.recall(&item.id) {
            return Placed::Late(Note::unpack(decision));
        }
        let arrival = nanos(turn.now);
        let first = First {
            id: &item.id,
            arrival,
            envelope: item.envelope,
            item: item.bytes,
        };
        match self.buffer.insert(&first) {
            Ok(trace) => {
                self.counts.begun += 1;
                let due = arrival.saturating_add(self.settings.decision_wait);
                self.buffer.set_due(trace, due);
                Placed::In(trace)
            }
            Err(refusal) => self.refused(refusal, None, turn),
        }
    }

    #[cold]
    fn refused(&mut self, refusal: Refusal, trace: Option<TraceRef>, turn: &mut Turn<'_>) -> Placed {
        match (refusal, trace) {
            (Refusal::TraceFull, Some(trace)) => {
                self.close(trace, Cause::TraceSize, turn);
                Placed::Again
            }
            (Refusal::Full, _) if self.make_room(turn) => Placed::Again,
            (Refusal::Gone, Some(_)) => Placed::Again,
            _ => Placed::Nowhere,
        }
    }

    /// Decides the oldest trace; whether there was one.
    fn make_room(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(oldest) = self.buffer.oldest() else {
            return false;
        };
        self.close(oldest, Cause::Memory, turn);
        true
    }

    /// Adds a span to what is known of its trace, and sets when the trace is due.
    #[inline]
    fn observe(&mut self, trace: TraceRef, item: &Item<'_>, now: Time) {
        let Some(facts) = self.buffer.facts_mut(trace) else {
            return;
        };
        if item.signal == Signal::Logs {
            if facts.spans() == 0 {
                self.plan.observe_id(facts, &item.id);
            }
            return;
        }
        self.plan.observe_span(facts, item.bytes, item.bits);
        if facts.root_seen() && self.settings.quiet_after_root > 0 {
            let arrival = self.buffer.trace(trace).map_or(0, |held| held.arrival());
            let latest = arrival.saturating_add(self.settings.decision_wait);
            let quiet = nanos(now).saturating_add(self.settings.quiet_after_root);
            self.buffer.set_due(trace, quiet.min(latest));
        }
    }

    /// Judges an item that belongs to no trace, or fits nowhere, as if it were a trace.
    fn judge_alone(&mut self, item: &Item<'_>, turn: &mut Turn<'_>) {
        let mut facts = Facts::NONE;
        match item.signal {
            Signal::Logs => self.plan.observe_id(&mut facts, &item.id),
            _ => self.plan.observe_span(&mut facts, item.bytes, item.bits),
        }
        if let Some(decision) = self.judge(&facts, Stage::Closed, turn.now) {
            self.counts.decided(&decision, &facts, Cause::Alone);
            let note = Note::of(&self.plan, &decision, Cause::Alone);
            self.pass(item, note, false, turn);
        }
    }

    /// Decides those traces that have grown about which nothing is open any more.
    fn decide_grown(&mut self, turn: &mut Turn<'_>) {
        let mut grown = std::mem::take(&mut self.scratch.grown);
        for trace in grown.drain(..) {
            let facts = self.buffer.trace(trace).map(|held| held.facts);
            let decision = facts.and_then(|facts| self.judge(&facts, Stage::Open, turn.now));
            if let Some(decision) = decision {
                self.carry_out(trace, &decision, Cause::Policy, turn);
            }
        }
        self.scratch.grown = grown;
    }
}

/// The id in the field of an item. One of another length is invalid.
fn id_of(field: &[u8]) -> TraceId {
    TraceId::try_from(field).unwrap_or(INVALID)
}
