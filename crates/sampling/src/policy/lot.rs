//! The Collector's own way to choose a share of the traces.

use crate::hash::Fnv64;

/// Keeps a trace if `FNV-1a-64(salt + trace id) <= (2^64 - 1) * ratio`, bit for bit as the Collector's `probabilistic` policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salted {
    salted: Fnv64,
    most: u64,
}

impl Salted {
    /// Nothing if the ratio keeps nothing.
    pub(super) fn new(salt: &str, ratio: f64) -> Option<Salted> {
        Some(Salted {
            salted: Fnv64::new().then(salt.as_bytes()),
            most: boundary(ratio)?,
        })
    }

    pub(super) fn keeps(&self, trace_id: &[u8]) -> bool {
        self.salted.then(trace_id).value() <= self.most
    }
}

/// `(2^64 - 1) * ratio` as Go's `big.Float` has it: the exact product, rounded to 64 significant bits, half to even, and cut
/// to an integer. Nothing for a ratio of 0 or less; the largest for 1 or more.
fn boundary(ratio: f64) -> Option<u64> {
    if ratio >= 1.0 {
        return Some(u64::MAX);
    }
    if ratio.is_nan() || ratio <= 0.0 {
        return None;
    }
    let bits = ratio.to_bits();
    let exponent = (bits >> 52) as i32;
    // A subnormal ratio has no hidden bit; its product is below 1 all the same.
    let significand = (bits & ((1 << 52) - 1)) | 1 << 52;
    let product = u128::from(u64::MAX) * u128::from(significand);
    let rounded = to_significant(product);
    let shift = 1075 - exponent;
    Some(u32::try_from(shift).map_or(u64::MAX, |shift| {
        u64::try_from(rounded.checked_shr(shift).unwrap_or(0)).unwrap_or(u64::MAX)
    }))
}

/// Rounded to 64 significant bits, half to even.
fn to_significant(product: u128) -> u128 {
    let dropped = 64_u32.saturating_sub(product.leading_zeros());
    let (kept, rest) = (product >> dropped, product & ((1 << dropped) - 1));
    let half = (1_u128 << dropped) >> 1;
    let up = rest > half || (rest == half && half != 0 && kept & 1 == 1);
    (kept + u128::from(up)) << dropped
}

#[cfg(test)]
mod tests {
    use super::{Salted, boundary};

    /// Products by hand: at a ratio of 2^-k, `2^64 - 1` has 64 significant bits and loses none before it is cut.
    #[test]
    fn the_boundary_is_the_exact_product_cut() {
        for (ratio, expected) in [
            (0.5, Some(u64::MAX / 2)),
            (0.25, Some(u64::MAX / 4)),
            (1.0, Some(u64::MAX)),
            (1.5, Some(u64::MAX)),
            (0.0, None),
            (-0.5, None),
            (f64::NAN, None),
            // (2^64 - 1) * 3/4 = 13835058055282163711.25
            (0.75, Some(13_835_058_055_282_163_711)),
            // (2^64 - 1) * (1 - 2^-53) = 2^64 - 2^11 - 1 + 2^-53: rounded to 64 bits, and cut
            (1.0 - f64::EPSILON / 2.0, Some(u64::MAX - 2048)),
            (f64::MIN_POSITIVE, Some(0)),
            (f64::from_bits(1), Some(0)),
        ] {
            assert_eq!(boundary(ratio), expected, "{ratio}");
        }
    }

    #[test]
    fn a_salted_share_is_about_as_large_as_asked() {
        let salted = Salted::new("default-hash-seed", 0.33).unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        let kept = (0..100_000)
            .filter(|_| salted.keeps(&random.u128(..).to_be_bytes()))
            .count();
        // Three standard errors are 450.
        assert!(kept.abs_diff(33_000) < 450, "{kept}");
    }
}
