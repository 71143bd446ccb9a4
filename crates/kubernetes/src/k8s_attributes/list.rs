//! Values of attributes that are lists of texts.

use forebay_otlp::fields::{any_value, array_value};

/// The body of an `AnyValue` that is a list of these texts.
pub(super) fn of_texts(texts: &[&str]) -> Vec<u8> {
    let mut values = Vec::new();
    for text in texts {
        let mut value = Vec::with_capacity(text.len() + 4);
        put(&mut value, any_value::STRING_VALUE, text.as_bytes());
        put(&mut values, array_value::VALUES, &value);
    }
    let mut body = Vec::with_capacity(values.len() + 4);
    put(&mut body, any_value::ARRAY_VALUE, &values);
    body
}

/// Appends a length-delimited field (protobuf encoding, "Message Structure"). Its number is below 16.
fn put(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    out.push((number as u8) << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
    use prost::Message;

    #[test]
    fn lists_are_what_a_protobuf_library_writes() {
        let long = "x".repeat(300);
        for texts in [vec![], vec!["a"], vec!["", "b", &long]] {
            let value = |text: &&str| AnyValue {
                value: Some(Value::StringValue((*text).to_owned())),
            };
            let values = texts.iter().map(value).collect();
            let expected = AnyValue {
                value: Some(Value::ArrayValue(ArrayValue { values })),
            };
            assert_eq!(of_texts(&texts), expected.encode_to_vec(), "{texts:?}");
        }
    }
}
