//! From when until when a certificate is valid (RFC 5280, section 4.1.2.5): the one thing that is needed of a certificate and
//! that the verifier does not tell.

/// The first and the last second, since the Unix epoch, at which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: u64,
    pub(super) not_after: u64,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Reads the validity out of a certificate in DER; nothing if it is none.
pub(super) fn validity(certificate: &[u8]) -> Option<Validity> {
    let (_, certificate, _) = element(certificate, SEQUENCE)?;
    let (_, mut fields, _) = element(certificate, SEQUENCE)?;
    if let Some((_, _, rest)) = element(fields, VERSION) {
        fields = rest;
    }
    // Serial number, signature algorithm and issuer come first.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        let (_, _, rest) = element(fields, tag)?;
        fields = rest;
    }
    let (_, times, _) = element(fields, SEQUENCE)?;
    let (not_before, times) = time(times)?;
    let (not_after, _) = time(times)?;
    Some(Validity {
        not_before,
        not_after,
    })
}

/// The element that `bytes` begin with, if it has the tag `wanted`: its tag, its content, and what follows it.
fn element(bytes: &[u8], wanted: u8) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let fits = (1..=4).contains(&digits.len());
        let length = digits
            .iter()
            .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
        (fits.then_some(length)?, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (tag == wanted).then_some((tag, content, rest))
}

/// A time of either form, and what follows it.
fn time(bytes: &[u8]) -> Option<(u64, &[u8])> {
    if let Some((_, text, rest)) = element(bytes, UTC_TIME) {
        let (year, text) = number(text, 2)?;
        let century = if year < 50 { 2000 } else { 1900 };
        return Some((seconds(century + year, text)?, rest));
    }
    let (_, text, rest) = element(bytes, GENERALIZED_TIME)?;
    let (year, text) = number(text, 4)?;
    Some((seconds(year, text)?, rest))
}

/// The second that the year and `MMDDHHMMSSZ` mean; 0 for those before 1970.
fn seconds(year: u64, text: &[u8]) -> Option<u64> {
    let (month, text) = number(text, 2)?;
    let (day, text) = number(text, 2)?;
    let (hour, text) = number(text, 2)?;
    let (minute, text) = number(text, 2)?;
    let (second, text) = number(text, 2)?;
    let sane =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    (sane && text == b"Z").then_some(())?;
    let days = days_since_1970(year, month, day);
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days in the calendar as it is now, counted from March so that the leap day comes last.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year.saturating_sub(1), month + 9)
    };
    let before_year = year * 365 + year / 4 - year / 100 + year / 400;
    let before_month = (153 * month + 2) / 5;
    // The first of March of the year 0 lies so many days before 1970.
    (before_year + before_month + day - 1).saturating_sub(719_468)
}

/// The number that the first `digits` digits are, and what follows them.
fn number(text: &[u8], digits: usize) -> Option<(u64, &[u8])> {
    let (head, rest) = text.split_at_checked(digits)?;
    let value = head.iter().try_fold(0_u64, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + u64::from(digit - b'0'))
    });
    Some((value?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    #[test]
    fn validity_is_read_in_both_forms_of_time() {
        for (from, to, expected) in [
            (
                (1999, 12, 31),
                (2049, 2, 28),
                Validity {
                    not_before: 946_598_400,
                    not_after: 2_498_083_200,
                },
            ),
            (
                (2024, 2, 29),
                (2051, 1, 1),
                Validity {
                    not_before: 1_709_164_800,
                    not_after: 2_556_144_000,
                },
            ),
        ] {
            let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
            params.not_before = date_time_ymd(from.0, from.1, from.2);
            params.not_after = date_time_ymd(to.0, to.1, to.2);
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(validity(certificate.der()), Some(expected));
            for end in 0..certificate.der().len() {
                assert_eq!(validity(&certificate.der()[..end]), None, "cut at {end}");
            }
        }
    }
}
