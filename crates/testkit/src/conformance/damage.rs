//! Bytes that were a request once.

use fastrand::Rng;

/// Values that a damaged byte gets: small lengths, tags of OTLP's fields, the ends of the range of a varint's byte.
const LIKELY: [u8; 8] = [0, 1, 0x0a, 0x12, 0x1a, 0x7f, 0x80, 0xff];

/// Damages bytes in one to three ways: flipped bits, a truncation, a piece moved elsewhere, a byte that may be a length or
/// a tag replaced, a byte removed or inserted.
pub fn damage(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.usize(1..=3) {
        let at = rng.usize(..bytes.len().max(1));
        let likely = rng.choice(LIKELY).unwrap_or_default();
        match (rng.u8(0..6), bytes.get_mut(at)) {
            (0, Some(byte)) => *byte ^= 1 << rng.u8(0..8),
            (1, Some(byte)) => *byte = likely,
            (2, Some(_)) => bytes.truncate(at),
            (3, Some(_)) => drop(bytes.remove(at)),
            (4, Some(_)) => move_piece(&mut bytes, at, rng),
            _ => bytes.insert(at.min(bytes.len()), likely),
        }
    }
    bytes
}

fn move_piece(bytes: &mut Vec<u8>, at: usize, rng: &mut Rng) {
    let to = rng.usize(at..=bytes.len().min(at + 64));
    let piece: Vec<u8> = bytes.drain(at..to).collect();
    let target = rng.usize(..=bytes.len());
    bytes.splice(target..target, piece);
}
