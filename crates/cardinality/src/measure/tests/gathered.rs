//! Histograms are read in one pass: what comes of it is what getters say, whatever the bytes.

use super::super::histogram::{Histogram, MOST_BUCKETS};
use super::super::read::{NO_RECORDED_VALUE, sum};
use super::super::{Extremes, Flaw, Measure, Reading, read};
use fastrand::Rng;
use forebay_otlp::DataKind;
use forebay_otlp::views::{HistogramDataPoint, View};

/// The same by getters, each of which goes over the whole message.
fn by_getters(point: HistogramDataPoint<'_>) -> Result<Reading, Flaw> {
    let bounds: Vec<f64> = point.explicit_bounds().collect::<Result<_, _>>()?;
    let buckets: Vec<u64> = point.bucket_counts().collect::<Result<_, _>>()?;
    let (start, time) = (point.start_time_unix_nano()?, point.time_unix_nano()?);
    let (count, sum_of, extremes) = (
        point.count()?,
        point.sum()?,
        Extremes::new(point.min()?, point.max()?),
    );
    let flags = point.flags()?;
    let mut reading = Reading {
        start,
        time,
        flags,
        measure: None,
    };
    if flags & NO_RECORDED_VALUE != 0 {
        return Ok(reading);
    }
    let sum = sum(sum_of)?;
    if bounds.iter().any(|bound| bound.is_nan()) || !bounds.is_sorted_by(|one, next| one < next) {
        return Err(Flaw::Buckets);
    }
    if buckets
        .iter()
        .try_fold(0_u64, |total, count| total.checked_add(*count))
        .is_none()
    {
        return Err(Flaw::Count);
    }
    if buckets.len() != bounds.len() + 1 && !(buckets.is_empty() && bounds.is_empty()) {
        return Err(Flaw::Buckets);
    }
    let has_buckets = (2..=MOST_BUCKETS).contains(&buckets.len());
    reading.measure = Some(Measure::Histogram(Box::new(Histogram {
        count,
        sum,
        extremes,
        bounds: if has_buckets { bounds } else { Vec::new() },
        buckets: if has_buckets { buckets } else { Vec::new() },
    })));
    Ok(reading)
}

fn varint(mut value: usize, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Words of a field, packed, one by one, or some so and some so.
fn words(rng: &mut Rng, number: u8, words: &[u64], out: &mut Vec<u8>) {
    let cut = rng.usize(..=words.len());
    for part in [&words[..cut], &words[cut..]] {
        if rng.u8(..3) == 0 {
            for word in part {
                out.push(number << 3 | 1);
                out.extend(word.to_le_bytes());
            }
        } else {
            out.push(number << 3 | 2);
            varint(8 * part.len(), out);
            out.extend(part.iter().flat_map(|word| word.to_le_bytes()));
        }
    }
}

fn point(rng: &mut Rng) -> Vec<u8> {
    let buckets = if rng.u8(..20) == 0 {
        rng.usize(MOST_BUCKETS - 2..MOST_BUCKETS + 3)
    } else {
        rng.usize(..20)
    };
    let mut bounds: Vec<f64> = (1..buckets).map(|bound| bound as f64 - 3.0).collect();
    let mut counts: Vec<u64> = (0..buckets).map(|_| rng.u64(..1000)).collect();
    match rng.u8(..20) {
        0 => bounds.push(f64::NAN),
        1 => bounds.push(0.0),
        2 => counts.extend([u64::MAX, 1]),
        3 => counts.push(1),
        _ => {}
    }
    let mut out = Vec::new();
    for _ in 0..rng.u8(..12) {
        match rng.u8(1..13) {
            6 => words(rng, 6, &counts, &mut out),
            7 => words(
                rng,
                7,
                &bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>(),
                &mut out,
            ),
            8 | 9 => out.extend([9 << 3 | 2, 2, 0, 0]),
            10 => out.extend([10 << 3, rng.u8(..3)]),
            number => {
                out.push(number << 3 | 1);
                let word = if number == 5 || number > 10 {
                    rng.f64().to_bits()
                } else {
                    rng.u64(..)
                };
                out.extend(word.to_le_bytes());
            }
        }
    }
    if rng.u8(..2) == 0 {
        words(rng, 6, &counts, &mut out);
        words(
            rng,
            7,
            &bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>(),
            &mut out,
        );
    }
    out
}

#[test]
fn property_one_pass_reads_what_getters_read() {
    let mut rng = Rng::with_seed(1);
    let (mut fine, mut flawed) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = point(&mut rng);
        if rng.u8(..4) == 0 && !bytes.is_empty() {
            let at = rng.usize(..bytes.len());
            bytes[at] = rng.u8(..);
            bytes.truncate(rng.usize(..=bytes.len()));
        }
        let read = read(DataKind::Histogram, &bytes);
        assert_eq!(read, by_getters(View::new(&bytes)), "{bytes:?}");
        match read {
            Ok(_) => fine += 1,
            Err(_) => flawed += 1,
        }
    }
    assert!(fine > 3_000 && flawed > 3_000, "{fine} {flawed}");
}
