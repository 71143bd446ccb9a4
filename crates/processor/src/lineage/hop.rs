//! One hop of a path, and paths as they stand on the wire.

use forebay_core::NodeId;
use forebay_otlp::edit::AttributeValue;
use forebay_otlp::fields::{any_value, array_value};
use forebay_otlp::{Cursor, Value, WireError};
use smallvec::SmallVec;
use std::sync::Arc;

/// The way through this process: the instance and the names of the nodes, joined by `/`.
pub(super) fn hop(instance: &str, trail: &[NodeId], names: &[Arc<str>]) -> String {
    let mut hop = instance.to_owned();
    for name in trail.iter().filter_map(|node| names.get(usize::from(node.0))) {
        hop.push('/');
        hop.push_str(name);
    }
    hop
}

/// The hops of a path, and one to come.
pub(super) type Hops<'a> = SmallVec<[AttributeValue<'a>; 9]>;

/// The hops of a path, the body of an `AnyValue`. What is no array of values is no path: it has none.
pub(super) fn hops(path: &[u8]) -> Result<Hops<'_>, WireError> {
    let mut cursor = Cursor::new(path);
    let mut array: &[u8] = &[];
    while let Some(field) = cursor.next_field()? {
        array = match (field.number, field.value) {
            (any_value::ARRAY_VALUE, Value::Len(array)) => array,
            _ => &[],
        };
    }
    let (mut cursor, mut hops) = (Cursor::new(array), Hops::new());
    while let Some(field) = cursor.next_field()? {
        if let (array_value::VALUES, Value::Len(hop)) = (field.number, field.value) {
            hops.push(AttributeValue::Encoded(hop));
        }
    }
    Ok(hops)
}
