//! Walks the wire of a request for the identities of its items. Nothing is decoded.

use crate::identity::Identity;
use forebay_otlp::{Cursor, Field, Signal, Value, WireError};

/// Calls `seen` with each item's identity, or nothing for an item without one, and returns how many items there are.
///
/// # Errors
/// The bytes are not such a message as deep as the walk has to look.
pub fn identities(
    signal: Signal,
    request: &[u8],
    seen: &mut impl FnMut(Option<Identity>),
) -> Result<u64, WireError> {
    let mut items = 0;
    each_item(signal, request, &mut |item| {
        items += 1;
        seen(identity(signal, item)?);
        Ok(())
    })?;
    Ok(items)
}

/// The sum of the whole numbers that the points of sums carry.
///
/// # Errors
/// The bytes are not such a message as deep as the walk has to look.
pub fn sum(request: &[u8]) -> Result<u64, WireError> {
    let mut sum = 0_u64;
    each(request, 1, &mut |resource| {
        each(resource, 2, &mut |scope| {
            each(scope, 2, &mut |metric| {
                each(metric, 7, &mut |data| {
                    each(data, 1, &mut |point| {
                        sum = sum.wrapping_add(whole_number(point)?);
                        Ok(())
                    })
                })
            })
        })
    })?;
    Ok(sum)
}

/// `NumberDataPoint.as_int`, field 6.
fn whole_number(point: &[u8]) -> Result<u64, WireError> {
    let mut cursor = Cursor::new(point);
    while let Some(field) = cursor.next_field()? {
        if let (6, Value::Fixed64(value)) = (field.number, field.value) {
            return Ok(value);
        }
    }
    Ok(0)
}

type Visit<'v> = dyn FnMut(&[u8]) -> Result<(), WireError> + 'v;

fn each_item(signal: Signal, request: &[u8], visit: &mut Visit<'_>) -> Result<(), WireError> {
    each(request, 1, &mut |resource| {
        each(resource, 2, &mut |scope| match signal {
            Signal::Traces | Signal::Logs => each(scope, 2, visit),
            Signal::Metrics => each(scope, 2, &mut |metric| each_point(metric, visit)),
        })
    })
}

/// The data points of a metric: field 1 of its `gauge` (5), `sum` (7), `histogram` (9), `exponential_histogram` (10) or
/// `summary` (11). Source: opentelemetry/proto/metrics/v1/metrics.proto.
fn each_point(metric: &[u8], visit: &mut Visit<'_>) -> Result<(), WireError> {
    let mut cursor = Cursor::new(metric);
    while let Some(field) = cursor.next_field()? {
        if let (5 | 7 | 9 | 10 | 11, Some(data)) = (field.number, field.bytes()) {
            each(data, 1, visit)?;
        }
    }
    Ok(())
}

fn each(message: &[u8], number: u32, visit: &mut Visit<'_>) -> Result<(), WireError> {
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.next_field()? {
        if field.number == number
            && let Some(bytes) = field.bytes()
        {
            visit(bytes)?;
        }
    }
    Ok(())
}

fn identity(signal: Signal, item: &[u8]) -> Result<Option<Identity>, WireError> {
    let mut cursor = Cursor::new(item);
    while let Some(field) = cursor.next_field()? {
        if let Some(bits) = identity_bits(signal, &field) {
            return Ok(Identity::decode(bits));
        }
    }
    Ok(None)
}

/// `Span.span_id` is field 2, `LogRecord.span_id` field 10, `NumberDataPoint.as_int` field 6.
fn identity_bits(signal: Signal, field: &Field<'_>) -> Option<u64> {
    match (signal, field.number, field.value) {
        (Signal::Traces, 2, Value::Len(id)) | (Signal::Logs, 10, Value::Len(id)) => {
            id.first_chunk().map(|id| u64::from_be_bytes(*id))
        }
        (Signal::Metrics, 6, Value::Fixed64(value)) => Some(value),
        _ => None,
    }
}
