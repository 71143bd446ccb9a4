//! Taking in what a trace consists of, once, as it arrives.

use super::facts::Facts;
use super::keys::KeyTable;
use super::{EnvelopeBits, Plan};
use crate::probability::{Randomness, TraceState};
use forebay_otlp::fields::{instrumentation_scope, resource, span, span_event, status};
use forebay_otlp::{Cursor, Value, WireError};

/// The tag of an attribute in a `Span`.
const ATTRIBUTE_TAG: u8 = (span::ATTRIBUTES as u8) << 3 | 2;

/// The fields of a span that are looked at after all of them have been passed.
#[derive(Default)]
struct Seen<'a> {
    trace_id: &'a [u8],
    trace_state: &'a [u8],
    status: &'a [u8],
    start: u64,
    end: u64,
    flags: u32,
    has_parent: bool,
    /// The keys that attributes of the span have had: a bit each.
    keys: u64,
}

impl Plan {
    /// What a resource and a scope answer: once for each envelope, whatever the number of its spans. `resource` is the body of the `Resource`,
    /// `scope` that of the `InstrumentationScope`; both may be empty.
    pub fn observe_envelope(&self, resource: &[u8], scope: &[u8]) -> EnvelopeBits {
        let mut known = 0;
        attributes(&self.asked.resource, resource, resource::ATTRIBUTES, &mut known);
        attributes(
            &self.asked.scope,
            scope,
            instrumentation_scope::ATTRIBUTES,
            &mut known,
        );
        EnvelopeBits(known)
    }

    /// Adds a span to what is known of its trace, in one pass over its fields. `span` is the body of the `Span`, `envelope` what
    /// [`Plan::observe_envelope`] said of what it stands in.
    ///
    /// Attributes, status and `tracestate` are read only where a policy asks for something that the trace has not shown yet. What
    /// cannot be read answers nothing, and ends the reading of the span.
    #[inline]
    pub fn observe_span(&self, facts: &mut Facts, span: &[u8], envelope: EnvelopeBits) {
        facts.bits |= envelope.0;
        let (seen, whole) = self.pass_over(span, &mut facts.bits);
        if facts.spans == 0 {
            self.observe_trace(facts, &seen);
        }
        if whole && !seen.has_parent {
            facts.set_root();
        }
        if whole && self.asked.asks_status(facts.bits) {
            facts.bits |= self.asked.status(status_code(seen.status).unwrap_or(u64::MAX));
        }
        facts.bits |= self.asked.flags(seen.flags);
        if !seen.trace_state.is_empty() {
            facts.bits |= self.asked.trace_state(seen.trace_state, facts.bits);
        }
        facts.add(seen.start, seen.end, span.len());
    }

    /// Notes what the id alone says of a trace: for one that is judged although no span of it has come. A first span says it again.
    pub fn observe_id(&self, facts: &mut Facts, trace_id: &[u8]) {
        let seen = Seen {
            trace_id,
            ..Seen::default()
        };
        self.observe_trace(facts, &seen);
    }

    /// Passes over the fields of a span: attributes and events are looked into, others noted. Says whether it came to the end.
    #[inline]
    fn pass_over<'a>(&self, span: &'a [u8], known: &mut u64) -> (Seen<'a>, bool) {
        let mut seen = Seen::default();
        let mut rest = span;
        while !rest.is_empty() {
            // Most fields of a span are attributes, one after the other, of less than 128 bytes.
            while let [ATTRIBUTE_TAG, length @ 0..0x80, after @ ..] = rest
                && let Some((body, left)) = after.split_at_checked(usize::from(*length))
            {
                rest = left;
                if self.asked.span.asks(*known) {
                    self.asked.span.see(body, &mut seen.keys, known);
                }
            }
            if let [tag @ 8..0x80, length @ 0..0x80, after @ ..] = rest
                && tag & 7 == 2
                && let Some((body, left)) = after.split_at_checked(usize::from(*length))
            {
                rest = left;
                self.note(u32::from(tag >> 3), body, &mut seen, known);
                continue;
            }
            let mut cursor = Cursor::new(rest);
            let field = match cursor.next_field() {
                Ok(Some(field)) => field,
                Ok(None) => break,
                Err(_) => return (seen, false),
            };
            rest = rest.get(cursor.position()..).unwrap_or_default();
            match (field.number, field.value) {
                (number, Value::Len(body)) => self.note(number, body, &mut seen, known),
                (span::START_TIME_UNIX_NANO, Value::Fixed64(time)) => seen.start = time,
                (span::END_TIME_UNIX_NANO, Value::Fixed64(time)) => seen.end = time,
                (span::FLAGS, Value::Fixed32(flags)) => seen.flags = flags,
                _ => {}
            }
        }
        (seen, true)
    }

    /// Takes in a string or message of a span.
    #[inline(always)]
    fn note<'a>(&self, number: u32, body: &'a [u8], seen: &mut Seen<'a>, known: &mut u64) {
        match number {
            span::ATTRIBUTES if self.asked.span.asks(*known) => {
                self.asked.span.see(body, &mut seen.keys, known);
            }
            span::TRACE_ID => seen.trace_id = body,
            span::PARENT_SPAN_ID => seen.has_parent = !body.is_empty(),
            span::STATUS => seen.status = body,
            span::TRACE_STATE => seen.trace_state = body,
            span::EVENTS => attributes(&self.asked.event, body, span_event::ATTRIBUTES, known),
            _ => {}
        }
    }

    /// What the first span says of the whole trace.
    fn observe_trace(&self, facts: &mut Facts, seen: &Seen<'_>) {
        if !self.thresholds.is_empty() {
            let explicit = TraceState::parse(seen.trace_state).ok();
            let randomness = explicit
                .and_then(|state| state.randomness())
                .or_else(|| Randomness::from_trace_id(seen.trace_id));
            if let Some(randomness) = randomness {
                facts.set_randomness(randomness);
            }
        }
        facts.bits |= self.asked.lots(seen.trace_id);
    }
}

/// Takes in the attributes of a message, which have the field number `number`.
#[inline]
fn attributes(table: &KeyTable, message: &[u8], number: u32, known: &mut u64) {
    if !table.asks(*known) {
        return;
    }
    let mut seen = 0;
    let mut cursor = Cursor::new(message);
    while let Ok(Some(field)) = cursor.next_field() {
        if let Value::Len(body) = field.value
            && field.number == number
        {
            table.see(body, &mut seen, known);
        }
    }
}

/// The code of a `Status`: 0 where it is not set.
fn status_code(body: &[u8]) -> Result<u64, WireError> {
    let mut code = 0;
    let mut cursor = Cursor::new(body);
    while let Some(field) = cursor.next_field()? {
        if let (status::CODE, Value::Varint(value)) = (field.number, field.value) {
            code = value;
        }
    }
    Ok(code)
}
