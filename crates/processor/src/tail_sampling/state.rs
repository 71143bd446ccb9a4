//! One shard at work: traces are held, decided, let go.

use super::arrival::{Item, Scratch, Turn};
use super::config::OnFull;
use super::held::Held;
use super::log::DecisionLog;
use super::meter::{Counts, Meter};
use super::note::{Cause, Note};
use super::outgoing::{DROPPED, Exit, Outgoing, Treatment};
use super::settings::Settings;
use forebay_core::component::ProcessorContext;
use forebay_core::{Batch, ComponentError, Ledger, Port, Signal, SignalSet, Time};
use forebay_otlp::edit::Outline;
use forebay_sampling::buffer::{Limits, TooSmall, TraceBuffer, TraceId, TraceRef};
use forebay_sampling::policy::{Decision, Facts, Limiters, Plan, Stage};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of items that leave in one turn, about: batches and questions are to have their turns too.
const TURN_BYTES: usize = 1 << 20;
/// Traces that are decided in one turn.
const TURN_TRACES: usize = 4096;
/// The wire bytes of a trace for which a place is made if the config does not say for how many.
const TYPICAL_TRACE: usize = 2048;

/// The nanoseconds of a moment.
pub(super) fn nanos(time: Time) -> u64 {
    u64::try_from(time.0.as_nanos()).unwrap_or(u64::MAX)
}

/// One shard, once it has been started.
pub(super) struct State {
    pub(super) plan: Arc<Plan>,
    pub(super) limiters: Arc<Limiters>,
    pub(super) settings: Arc<Settings>,
    pub(super) buffer: TraceBuffer<Facts>,
    pub(super) held: Held,
    pub(super) outgoing: Outgoing,
    pub(super) counts: Counts,
    pub(super) scratch: Scratch,
    pub(super) outline: Outline,
    meter: Arc<Meter>,
    log: DecisionLog,
    ledger: Ledger,
    shard: usize,
    /// The signals that are taken from the port of what is not kept.
    dropped_taken: SignalSet,
    /// Where the config says to wait: a batch for which there is no room yet. Its sender waits with it.
    waiting: Option<Batch>,
    /// Whether a turn ended before all was done that was due.
    more: bool,
}

impl State {
    pub(super) fn new(
        settings: &Arc<Settings>,
        meter: &Arc<Meter>,
        context: &ProcessorContext,
    ) -> Result<Self, ComponentError> {
        let max_bytes = usize::try_from(context.memory).unwrap_or(usize::MAX);
        let limits = Limits {
            max_bytes,
            max_traces: match settings.num_traces {
                Some(most) => most.div_ceil(settings.shards).max(1),
                None => (max_bytes / TYPICAL_TRACE).max(1),
            },
            max_trace_bytes: settings.max_trace_bytes.unwrap_or(max_bytes as u64 / 2),
            seed: settings.seed,
        };
        let buffer = TraceBuffer::new(limits).map_err(|error| too_small(settings, &limits, &error))?;
        let plan = &settings.plan;
        Ok(State {
            plan: Arc::clone(plan),
            limiters: Arc::clone(&settings.limiters),
            settings: Arc::clone(settings),
            buffer,
            held: Held::default(),
            outgoing: Outgoing::default(),
            counts: Counts::new(plan),
            scratch: Scratch::default(),
            outline: Outline::new(),
            meter: Arc::clone(meter),
            log: DecisionLog::new(settings.log_decisions, context.node.name.clone()),
            ledger: context.node.ledger.clone(),
            shard: context.shard,
            dropped_taken: context.taken_from(DROPPED),
            waiting: None,
            more: false,
        })
    }

    /// Takes a batch in, or keeps it waiting.
    pub(super) fn process(&mut self, batch: Batch, turn: &mut Turn<'_>) {
        if self.settings.on_full == OnFull::Wait && !self.has_room(&batch) {
            // The engine gives no batch to a shard that is full.
            if let Some(before) = self.waiting.replace(batch) {
                self.take_in(before, turn);
            }
        } else {
            self.take_in(batch, turn);
        }
        self.end_turn(turn);
    }

    /// Whether a batch fits beside what is held. Where nothing is held, it is taken whatever its size.
    fn has_room(&self, batch: &Batch) -> bool {
        let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        self.buffer.is_empty() || self.buffer.has_room(number(batch.items()), number(batch.bytes()))
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.is_some()
    }

    pub(super) fn next_tick(&self) -> Option<Time> {
        if self.more {
            return Some(Time::default());
        }
        self.buffer.next_due().map(|due| Time(Duration::from_nanos(due)))
    }

    /// Decides what is due.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>) {
        let at = nanos(turn.now);
        self.more = false;
        let mut decided = 0;
        while let Some(trace) = self.buffer.pop_due(at) {
            let cause = self.due_cause(trace);
            self.close(trace, cause, turn);
            decided += 1;
            if decided == TURN_TRACES || self.outgoing.bytes > TURN_BYTES {
                self.more = true;
                break;
            }
        }
        if let Some(batch) = self.waiting.take_if(|_| !self.more) {
            if self.has_room(&batch) {
                self.take_in(batch, turn);
            } else {
                self.waiting = Some(batch);
            }
        }
        self.end_turn(turn);
    }

    /// Why a trace is due: it has been quiet since its root came, or it has been waited for long enough.
    fn due_cause(&self, trace: TraceRef) -> Cause {
        let latest = |arrival: u64| arrival.saturating_add(self.settings.decision_wait);
        match self.buffer.trace(trace) {
            Some(held) if held.facts.root_seen() && held.due() < latest(held.arrival()) => Cause::Quiet,
            _ => Cause::Wait,
        }
    }

    /// Decides the oldest of what is held; whether there is more.
    pub(super) fn flush(&mut self, turn: &mut Turn<'_>) -> bool {
        if let Some(batch) = self.waiting.take() {
            self.take_in(batch, turn);
        }
        let mut decided = 0;
        while let Some(trace) = self.buffer.oldest() {
            if decided == TURN_TRACES || self.outgoing.bytes > TURN_BYTES {
                break;
            }
            self.close(trace, Cause::Shutdown, turn);
            decided += 1;
        }
        self.more = false;
        self.end_turn(turn);
        !self.buffer.is_empty()
    }

    /// Decides a trace on what is there.
    pub(super) fn close(&mut self, trace: TraceRef, cause: Cause, turn: &mut Turn<'_>) {
        let facts = match self.buffer.trace(trace) {
            Some(held) => held.facts,
            None => return,
        };
        if let Some(decision) = self.judge(&facts, Stage::Closed, turn.now) {
            self.carry_out(trace, &decision, cause, turn);
        }
    }

    pub(super) fn judge(&self, facts: &Facts, stage: Stage, now: Time) -> Option<Decision> {
        self.plan.decide(facts, &self.limiters, stage, nanos(now))
    }

    /// Lets a trace go, as decided.
    pub(super) fn carry_out(
        &mut self,
        trace: TraceRef,
        decision: &Decision,
        cause: Cause,
        turn: &mut Turn<'_>,
    ) {
        let Some(held) = self.buffer.trace(trace) else {
            return;
        };
        let (id, facts, arrival) = (*held.id(), held.facts, held.arrival());
        let note = Note::of(&self.plan, decision, cause);
        self.counts.decided(decision, &facts, cause);
        let age = Duration::from_nanos(nanos(turn.now).saturating_sub(arrival));
        self.meter.record_age(self.shard, age);
        self.log_decision(&id, note, &facts, turn.now);
        self.buffer.remember(&id, note.pack());
        if note.kept || self.dropped_taken != SignalSet::NONE {
            self.let_go(trace, note, turn);
        } else if let Some(gone) = self.buffer.discard(trace) {
            let spans = u64::from(facts.spans());
            self.held.sample_out(Signal::Traces, spans);
            self.held
                .sample_out(Signal::Logs, u64::from(gone.items()).saturating_sub(spans));
        }
    }

    /// Takes a trace's items out of the buffer, to where they are to go.
    fn let_go(&mut self, trace: TraceRef, note: Note, turn: &mut Turn<'_>) {
        let Some(mut taken) = self.buffer.take(trace) else {
            return;
        };
        let mut exit = Exit {
            plan: &self.plan,
            held: &mut self.held,
            ledger: &self.ledger,
            now: turn.now,
            out: turn.out,
        };
        while let Some(record) = taken.next_record() {
            let signal = record.envelope.signal;
            if !note.kept && !self.dropped_taken.contains(signal) {
                exit.held.sample_out(signal, 1);
                continue;
            }
            let treatment = Treatment::of(signal, note, false, self.settings.record_policy);
            self.outgoing
                .add(treatment, &record.envelope, record.item, &mut exit);
        }
    }

    /// Lets an item go that was never held, as was decided.
    pub(super) fn pass(&mut self, item: &Item<'_>, note: Note, late: bool, turn: &mut Turn<'_>) {
        let Some(envelope) = self.buffer.envelope(item.envelope) else {
            return self.held.sample_out(item.signal, 1);
        };
        let port = if note.kept { Port::MAIN } else { DROPPED };
        if port == DROPPED && !self.dropped_taken.contains(item.signal) {
            return self.held.sample_out(item.signal, 1);
        }
        let treatment = Treatment::of(item.signal, note, late, self.settings.record_policy);
        let mut exit = Exit {
            plan: &self.plan,
            held: &mut self.held,
            ledger: &self.ledger,
            now: turn.now,
            out: turn.out,
        };
        let pieces = std::iter::once(item.bytes);
        self.outgoing.add(treatment, &envelope, pieces, &mut exit);
    }

    fn log_decision(&mut self, id: &TraceId, note: Note, facts: &Facts, now: Time) {
        if self.log.has_room(now) {
            let policy = self.policy_name(note.policy, note.part);
            self.log.write(id, note, policy, facts);
        }
    }

    /// Emits what is being put together, and brings the books and the counts up to date.
    fn end_turn(&mut self, turn: &mut Turn<'_>) {
        let mut exit = Exit {
            plan: &self.plan,
            held: &mut self.held,
            ledger: &self.ledger,
            now: turn.now,
            out: turn.out,
        };
        self.outgoing.finish(&mut exit);
        self.held.settle();
        self.buffer.tidy();
        let memory = self.buffer.memory();
        self.counts.traces_held = self.buffer.len() as u64;
        self.counts.bytes_held = self.buffer.item_bytes();
        self.counts.memory = memory.total() as u64;
        self.counts.memory_max = memory.limit as u64;
        self.meter.publish(self.shard, &self.counts);
    }
}

/// A share of the budget in which the tables for so many traces do not fit.
fn too_small(settings: &Settings, limits: &Limits, error: &TooSmall) -> ComponentError {
    let each = if settings.shards > 1 {
        " in each of its shards"
    } else {
        ""
    };
    ComponentError::new(format!(
        "`max_bytes` leaves {} bytes{each}, and the tables for {} traces need {}: raise `max_bytes`, or lower `num_traces`",
        limits.max_bytes, limits.max_traces, error.needed
    ))
}
