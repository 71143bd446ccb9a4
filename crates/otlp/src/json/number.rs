//! Integers as protobuf JSON allows them: any decimal number whose value is integral.

use super::error::JsonErrorKind;

/// The value of a number that is written as JSON has it: `12`, `-3`, `1.50e2`, `1e3`.
///
/// `1e3` and `15e-1` are the same kind of text; what counts is whether the value is an integer
/// (protobuf, "ProtoJSON format", int32 and int64). Exact for every value of 64 bits.
pub(super) fn integer(text: &str) -> Result<i128, JsonErrorKind> {
    if let Ok(value) = text.parse::<i64>() {
        return Ok(i128::from(value));
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let magnitude = scaled(whole, fraction.trim_end_matches('0'), exponent)?;
    Ok(if negative { -magnitude } else { magnitude })
}

/// `whole.fraction * 10^exponent`, if it is an integer and has not many more digits than 64 bits need.
fn scaled(whole: &str, fraction: &str, exponent: &str) -> Result<i128, JsonErrorKind> {
    let significant = if fraction.is_empty() {
        whole.trim_end_matches('0')
    } else {
        whole
    };
    let mut value = 0_i128;
    for digit in significant.bytes().chain(fraction.bytes()) {
        let next = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(i128::from(digit & 0xf)));
        value = next.ok_or(JsonErrorKind::Range)?;
    }
    if value == 0 {
        return Ok(0);
    }
    let dropped = whole.len() - significant.len();
    let shift = exponent.parse::<i64>().map_err(|_| JsonErrorKind::Range)?;
    let shift = i128::from(shift) + dropped as i128 - fraction.len() as i128;
    if shift > 38 {
        return Err(JsonErrorKind::Range);
    }
    for _ in 0..shift {
        value = value.checked_mul(10).ok_or(JsonErrorKind::Range)?;
    }
    for _ in shift..0 {
        if value % 10 != 0 {
            return Err(JsonErrorKind::NotInteger);
        }
        value /= 10;
    }
    Ok(value)
}

/// A double: a number, or one of the three words for what JSON numbers cannot say. A number beyond the largest finite
/// double is refused (protobuf, "ProtoJSON format", float and double).
pub(super) fn double(text: &str) -> Result<f64, JsonErrorKind> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(JsonErrorKind::Range),
        Err(_) => Err(JsonErrorKind::Number),
    }
}
