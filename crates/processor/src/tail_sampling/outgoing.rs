//! What leaves a shard: items put together to requests again, those that are treated alike in one.

use super::held::Held;
use super::note::Note;
use crate::probability::set_trace_state;
use bytes::Bytes;
use forebay_core::component::Port;
use forebay_core::{Ledger, Outputs, Payload, Signal, Time};
use forebay_otlp::edit::{AttributeValue, Editor, Level, Patch, RequestBuilder};
use forebay_otlp::fields::span;
use forebay_otlp::{Value, WireError};
use forebay_sampling::buffer::Envelope;
use forebay_sampling::policy::{Inclusion, Plan};
use forebay_sampling::probability::TraceState;

/// A request is emitted once it has so many bytes: the exporter's batcher makes larger ones where they are wanted.
const PORTION_BYTES: usize = 256 << 10;

/// The attributes that say who kept an item: the Collector's.
const POLICY: &str = "tailsampling.policy";
const COMPOSITE_POLICY: &str = "tailsampling.composite_policy";
const CACHED: &str = "tailsampling.cached_decision";

/// What is written into items on their way out, and where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Treatment {
    pub(super) port: Port,
    pub(super) signal: Signal,
    inclusion: u8,
    /// The policy and its part, and whether the decision was an earlier one; nothing if it is not to be recorded.
    record: Option<(Option<u8>, Option<u8>, bool)>,
}

impl Treatment {
    /// How an item of a trace with this decision is treated. Those that were not kept leave as they came.
    pub(super) fn of(signal: Signal, note: Note, late: bool, record: bool) -> Treatment {
        Treatment {
            port: if note.kept { Port::MAIN } else { DROPPED },
            signal,
            inclusion: if note.kept && signal == Signal::Traces {
                note.inclusion
            } else {
                0
            },
            record: (record && note.kept && note.policy.is_some()).then_some((note.policy, note.part, late)),
        }
    }
}

/// The port of what was not kept.
pub(super) const DROPPED: Port = Port(1);

#[derive(Debug)]
struct Portion {
    treatment: Treatment,
    request: RequestBuilder,
}

/// Requests in the making.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    portions: Vec<Portion>,
    editor: Editor,
    scratch: Vec<u8>,
    /// Bytes of the items that were added since [`Outgoing::finish`].
    pub(super) bytes: usize,
}

/// What it takes to emit.
pub(super) struct Exit<'a> {
    pub(super) plan: &'a Plan,
    pub(super) held: &'a mut Held,
    pub(super) ledger: &'a Ledger,
    pub(super) now: Time,
    pub(super) out: &'a mut Outputs,
}

impl Outgoing {
    /// Adds an item, in pieces that follow each other. A request that is large enough is emitted.
    pub(super) fn add<'p>(
        &mut self,
        treatment: Treatment,
        envelope: &Envelope<'_>,
        pieces: impl Iterator<Item = &'p [u8]>,
        exit: &mut Exit<'_>,
    ) {
        let found = self
            .portions
            .iter_mut()
            .position(|portion| portion.treatment == treatment);
        let index = found.unwrap_or_else(|| {
            let request = RequestBuilder::new();
            self.portions.push(Portion { treatment, request });
            self.portions.len() - 1
        });
        let Some(portion) = self.portions.get_mut(index) else {
            return;
        };
        let before = portion.request.staged_bytes();
        portion.request.push(&envelope.shells, |bytes| {
            pieces.for_each(|piece| bytes.extend_from_slice(piece))
        });
        self.bytes += portion.request.staged_bytes() - before;
        if portion.request.staged_bytes() >= PORTION_BYTES {
            self.emit(index, exit);
        }
    }

    /// Emits all that was added, and begins to count bytes anew.
    pub(super) fn finish(&mut self, exit: &mut Exit<'_>) {
        (0..self.portions.len()).for_each(|index| self.emit(index, exit));
        self.portions.clear();
        self.bytes = 0;
    }

    fn emit(&mut self, index: usize, exit: &mut Exit<'_>) {
        let Some(Portion { treatment, request }) = self.portions.get_mut(index) else {
            return;
        };
        let (treatment, items) = (*treatment, request.items() as u64);
        if items == 0 {
            return;
        }
        let request = request.finish();
        let bytes = self.treat(treatment, &request, exit.plan).unwrap_or(request);
        let lease = exit.ledger.lease_unchecked(bytes.len() as u64);
        let payload = Payload::from(bytes);
        if let Some(batch) = exit
            .held
            .emit((treatment.signal, items), payload, lease, exit.now)
        {
            exit.out.emit_on(treatment.port, batch);
        }
    }

    /// The request with what is to be written into its items; nothing if that is nothing, or the items cannot be read: they go as
    /// they are then.
    fn treat(&mut self, treatment: Treatment, request: &Bytes, plan: &Plan) -> Option<Bytes> {
        let inclusion = plan.unpack(treatment.inclusion);
        if inclusion == Inclusion::Certain && treatment.record.is_none() {
            return None;
        }
        let record = treatment.record.map(|record| Record::new(record, plan));
        let scratch = &mut self.scratch;
        let edited = self
            .editor
            .edit_level(treatment.signal, request, Level::Item, |item| {
                if treatment.signal == Signal::Traces {
                    set_threshold(item, inclusion, scratch)?;
                }
                if let Some(record) = &record {
                    record.write(item);
                }
                Ok(())
            });
        edited.ok().map(|edited| edited.to_bytes())
    }
}

/// Writes into a span with which probability it was kept. A `tracestate` that cannot be read stays as it is, and so does one that
/// would become too long.
fn set_threshold(span: &mut Patch<'_>, inclusion: Inclusion, scratch: &mut Vec<u8>) -> Result<(), WireError> {
    let text = trace_state(span)?;
    let Ok(mut state) = TraceState::parse(text) else {
        return Ok(());
    };
    let carried = state.threshold();
    let wanted = match inclusion {
        Inclusion::Certain => carried,
        Inclusion::AtLeast(threshold) => Some(carried.map_or(threshold, |carried| carried.max(threshold))),
        Inclusion::Unknown => None,
    };
    if wanted != carried {
        state.set_threshold(wanted);
        set_trace_state(span, &state, scratch)?;
    }
    Ok(())
}

fn trace_state<'p>(span: &Patch<'p>) -> Result<&'p [u8], WireError> {
    match span.field(span::TRACE_STATE)? {
        Some(Value::Len(text)) => Ok(text),
        _ => Ok(&[]),
    }
}

/// Who kept an item, as attributes.
struct Record<'p> {
    policy: Option<&'p str>,
    part: Option<&'p str>,
    late: bool,
}

impl<'p> Record<'p> {
    fn new((policy, part, late): (Option<u8>, Option<u8>, bool), plan: &'p Plan) -> Self {
        let named = policy.zip(part);
        Record {
            policy: policy.and_then(|policy| plan.name(policy)),
            part: named.and_then(|(policy, part)| plan.part_name(policy, part)),
            late,
        }
    }

    fn write(&self, item: &mut Patch<'_>) {
        if let Some(policy) = self.policy {
            item.append_attribute(POLICY, AttributeValue::String(policy));
        }
        if let Some(part) = self.part {
            item.append_attribute(COMPOSITE_POLICY, AttributeValue::String(part));
        }
        if self.late {
            item.append_attribute(CACHED, AttributeValue::Bool(true));
        }
    }
}
