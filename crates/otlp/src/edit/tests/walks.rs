//! The short ways over fields against the cursor, which reads them one by one.

use proptest::{collection::vec, prelude::*};

use crate::{
    Cursor, Value, WireError,
    edit::{Sieve, encode, first_field, scan::Scan},
};

/// The number of the attributes in these messages.
const ATTRIBUTES: u32 = 9;

/// One field: as encoders write it, or with a tag, a length or a varint that is longer than it needs to be.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![1_u32..20, Just(ATTRIBUTES)];
    let value = prop_oneof![
        any::<u64>().prop_map(|value| (value, None, 0_u8)),
        (0_u64..100).prop_map(|value| (value, None, 0)),
        any::<u64>().prop_map(|value| (value, None, 1)),
        any::<u64>().prop_map(|value| (value, None, 5)),
        vec(any::<u8>(), 0..300).prop_map(|bytes| (0, Some(bytes), 2)),
    ];
    (number, value, any::<bool>()).prop_map(|(number, (value, bytes, wire), overlong)| {
        let mut out = Vec::new();
        encode::put_varint(&mut out, u64::from(number << 3) | u64::from(wire));
        if overlong && number > 18 {
            *out.last_mut().unwrap() |= 0x80;
            out.push(0);
        }
        match wire {
            0 => encode::put_varint(&mut out, value),
            1 => out.extend_from_slice(&value.to_le_bytes()),
            2 => {
                let bytes = bytes.unwrap();
                encode::put_varint(&mut out, bytes.len() as u64);
                out.extend_from_slice(&bytes);
            }
            _ => out.extend_from_slice(&value.to_le_bytes()[..4]),
        }
        out
    })
}

/// An attribute whose key and value have lengths of one byte or two.
fn attribute() -> impl Strategy<Value = Vec<u8>> {
    let length = || prop_oneof![0_usize..70, 100_usize..200];
    (length(), length()).prop_map(|(key, value)| {
        let mut out = Vec::new();
        encode::put_header(&mut out, ATTRIBUTES, encode::key_value_len(key, value));
        encode::put_key_value(&mut out, &vec![b'k'; key], &vec![b'v'; value]);
        out
    })
}

/// The lengths of the keys that a walk over attributes does not step over.
fn keys_met(message: &[u8], lengths: u64) -> Result<Vec<usize>, WireError> {
    let mut scan = Scan::new(message, 0..message.len());
    let mut met = Vec::new();
    while let Some(field) = scan.next_attribute(ATTRIBUTES, lengths)? {
        let body = Cursor::new(scan.bytes(&field)?).next_field()?;
        met.push(body.and_then(|key| key.bytes()).unwrap_or_default().len());
    }
    met.retain(|key| lengths >> (key & 63) & 1 == 1);
    Ok(met)
}

/// The same, field by field.
fn keys_there(message: &[u8], lengths: u64) -> Vec<usize> {
    let mut cursor = Cursor::new(message);
    let mut there = Vec::new();
    while let Some(field) = cursor.next_field().unwrap() {
        if field.number == ATTRIBUTES {
            let key = Cursor::new(field.bytes().unwrap()).next_field().unwrap();
            there.push(key.unwrap().bytes().unwrap().len());
        }
    }
    there.retain(|key| lengths >> (key & 63) & 1 == 1);
    there
}

fn first_by_cursor(message: &[u8], number: u32) -> Result<Option<Value<'_>>, WireError> {
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.next_field()? {
        if field.number == number {
            return Ok(Some(field.value));
        }
    }
    Ok(None)
}

/// The values of some fields, and the attributes with keys of some lengths, until something is wrong.
type Sifted<'a> = (Vec<(u32, Value<'a>)>, Vec<&'a [u8]>, Option<WireError>);

fn sifted<'a>(message: &'a [u8], numbers: &[u32], keys: &[usize], sieve: bool) -> Sifted<'a> {
    let all = Sieve::new(numbers, ATTRIBUTES, keys);
    let (mut cursor, mut sifting) = (Cursor::new(message), all.sift(message));
    let (mut values, mut attributes) = (Vec::new(), Vec::new());
    loop {
        let field = match if sieve {
            sifting.next_field()
        } else {
            cursor.next_field()
        } {
            Ok(Some(field)) => field,
            end => return (values, attributes, end.err()),
        };
        if numbers.contains(&field.number) {
            values.push((field.number, field.value));
        } else if field.number == ATTRIBUTES
            && let Some(body) = field.bytes()
            && let Ok(Some(first)) = Cursor::new(body).next_field()
            && first.bytes().is_some_and(|name| keys.contains(&name.len()))
        {
            attributes.push(body);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn property_first_fields_are_those_of_the_cursor(
        fields in vec(field(), 0..12), number in 1_u32..20, cut in 0_usize..12,
    ) {
        let mut message = fields.concat();
        prop_assert_eq!(first_field(&message, number), first_by_cursor(&message, number));
        message.truncate(message.len().saturating_sub(cut));
        prop_assert_eq!(first_field(&message, number), first_by_cursor(&message, number));
    }

    #[test]
    fn property_no_attribute_of_a_wanted_length_is_stepped_over(
        fields in vec((field(), attribute()), 0..12), lengths in any::<u64>(), rare in 0_u8..64,
    ) {
        let foreign = |bytes: &[u8]| {
            matches!(Cursor::new(bytes).next_field(), Ok(Some(field)) if field.number != ATTRIBUTES)
        };
        let message: Vec<u8> = fields
            .iter()
            .flat_map(|(field, attribute)| {
                let field = if foreign(field) { field.as_slice() } else { &[] };
                [field, attribute].concat()
            })
            .collect();
        for lengths in [lengths, 1 << rare] {
            prop_assert_eq!(keys_met(&message, lengths).unwrap(), keys_there(&message, lengths));
        }
    }
    #[test]
    fn property_a_sieve_holds_back_what_the_cursor_finds(
        fields in vec(prop_oneof![field(), attribute()], 0..16), numbers in vec(1_u32..32, 0..4),
        keys in vec(0_usize..60, 0..3), cut in 0_usize..12,
    ) {
        prop_assume!(!numbers.contains(&ATTRIBUTES));
        let mut message = fields.concat();
        prop_assert_eq!(sifted(&message, &numbers, &keys, true), sifted(&message, &numbers, &keys, false));
        message.truncate(message.len().saturating_sub(cut));
        prop_assert_eq!(sifted(&message, &numbers, &keys, true), sifted(&message, &numbers, &keys, false));
    }
}
