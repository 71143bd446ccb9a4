use super::*;
use bytes::Bytes;
use forebay_core::{Lease, Ledger};

const ALL: [Encoding; 4] = [
    Encoding::Identity,
    Encoding::Gzip,
    Encoding::Zstd,
    Encoding::Deflate,
];

fn text(length: usize) -> Vec<u8> {
    (0..length)
        .map(|i| b"service.name http.method GET /v1 "[(i * i / 7) % 33])
        .collect()
}

fn compressed(encoding: Encoding, body: &[u8]) -> Vec<u8> {
    let half = body.len() / 2;
    let slices = [
        Bytes::copy_from_slice(&body[..half]),
        Bytes::copy_from_slice(&body[half..]),
    ];
    Compressors::new()
        .compress(encoding, DEFAULT_LEVEL, &slices)
        .unwrap()
}

fn decompressed(encoding: Encoding, wire: &[u8], chunk: usize) -> Result<Vec<u8>, DecompressError> {
    decompressed_within(encoding, wire, chunk, 64 << 20)
}

fn decompressed_within(
    encoding: Encoding,
    wire: &[u8],
    chunk: usize,
    limit: usize,
) -> Result<Vec<u8>, DecompressError> {
    let mut decompressor = Decompressor::new(encoding, limit, Lease::none())?;
    for part in wire.chunks(chunk) {
        decompressor.push(part)?;
    }
    decompressor.finish()
}

#[test]
fn what_was_compressed_comes_back_whatever_the_chunks() {
    for encoding in ALL {
        for length in [0, 1, 5, 1000, 300_000] {
            let body = text(length);
            let wire = compressed(encoding, &body);
            for chunk in [1, 7, 1000, 1 << 20] {
                assert_eq!(
                    decompressed(encoding, &wire, chunk).unwrap(),
                    body,
                    "{encoding:?} {length} {chunk}"
                );
            }
        }
    }
}

#[test]
fn a_kept_compressor_gives_the_same_as_a_new_one() {
    let body = [Bytes::from(text(50_000))];
    for encoding in ALL {
        let compressors = Compressors::new();
        let first = compressors.compress(encoding, 1, &body).unwrap();
        let other_level = compressors.compress(encoding, 6, &body).unwrap();
        assert_eq!(compressors.compress(encoding, 1, &body).unwrap(), first);
        assert_eq!(decompressed(encoding, &other_level, 4096).unwrap(), body[0]);
    }
}

#[test]
fn the_limit_is_exact() {
    let body = text(100_000);
    for encoding in ALL {
        let wire = compressed(encoding, &body);
        assert_eq!(decompressed_within(encoding, &wire, 999, 100_000).unwrap(), body);
        let error = decompressed_within(encoding, &wire, 999, 99_999).unwrap_err();
        assert_eq!(error, DecompressError::TooLarge { limit: 99_999 }, "{encoding:?}");
    }
}

#[test]
fn a_bomb_stops_at_the_limit_and_leases_no_more() {
    for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Deflate] {
        let wire = compressed(encoding, &vec![0; 32 << 20]);
        assert!(wire.len() < 512 << 10, "{}", wire.len());
        let ledger = Ledger::new(64 << 20);
        let mut decompressor = Decompressor::new(encoding, 1 << 20, ledger.lease(0).unwrap()).unwrap();
        let error = decompressor.push(&wire).unwrap_err();
        assert_eq!(error, DecompressError::TooLarge { limit: 1 << 20 });
        drop(decompressor);
        // The output twice while it moved, and the window of the decoder.
        assert!(ledger.read().peak < 12 << 20, "{encoding:?} {:?}", ledger.read());
        assert_eq!(ledger.read().used, 0);
    }
}

#[test]
fn the_output_is_leased_as_it_grows_and_exactly_at_the_end() {
    for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Deflate] {
        let ledger = Ledger::new(4 << 20);
        let fits = compressed(encoding, &text(500_000));
        let lease = ledger.lease(fits.len() as u64).unwrap();
        let mut decompressor = Decompressor::new(encoding, 64 << 20, lease.clone()).unwrap();
        decompressor.push(&fits).unwrap();
        let body = decompressor.finish().unwrap();
        assert_eq!(lease.bytes(), body.capacity() as u64);
        drop(lease);

        let too_much = compressed(encoding, &vec![7; 8 << 20]);
        let mut decompressor = Decompressor::new(encoding, 64 << 20, ledger.lease(0).unwrap()).unwrap();
        let error = decompressor.push(&too_much).unwrap_err();
        assert!(
            matches!(error, DecompressError::OverBudget(_)),
            "{encoding:?} {error}"
        );
        assert!(ledger.read().peak <= ledger.read().leasable);
    }
}

#[test]
fn gzip_of_two_members_is_one_body() {
    let wire = [
        compressed(Encoding::Gzip, b"one "),
        compressed(Encoding::Gzip, b"two"),
    ]
    .concat();
    for chunk in [1, 5, 1000] {
        assert_eq!(decompressed(Encoding::Gzip, &wire, chunk).unwrap(), b"one two");
    }
}

#[test]
fn raw_deflate_is_accepted() {
    let body = text(10_000);
    let mut raw = Vec::with_capacity(20_000);
    flate2::Compress::new(flate2::Compression::fast(), false)
        .compress_vec(&body, &mut raw, flate2::FlushCompress::Finish)
        .unwrap();
    for chunk in [1, 3, 20_000] {
        assert_eq!(decompressed(Encoding::Deflate, &raw, chunk).unwrap(), body);
    }
}

#[test]
fn what_is_cut_short_or_followed_by_garbage_is_corrupt() {
    let body = text(10_000);
    for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Deflate] {
        let wire = compressed(encoding, &body);
        for cut in [0, 1, 2, 10, wire.len() - 1] {
            let error = decompressed(encoding, &wire[..cut], 64).unwrap_err();
            assert!(
                matches!(error, DecompressError::Corrupt(_)),
                "{encoding:?} {cut} {error}"
            );
        }
        for garbage in [&b"garbage!"[..], &[0; 8]] {
            let error = decompressed(encoding, &[&wire, garbage].concat(), 1 << 20).unwrap_err();
            assert!(
                matches!(error, DecompressError::Corrupt(_)),
                "{encoding:?} {error}"
            );
        }
        let mut flipped = wire.clone();
        flipped[wire.len() / 2] ^= 0x55;
        if encoding != Encoding::Zstd {
            // Without checksums, as most senders write it, zstd may not notice.
            assert!(decompressed(encoding, &flipped, 1000).is_err());
        }
    }
}

#[test]
fn a_zstd_frame_that_wants_a_huge_window_is_refused() {
    // Magic, no single segment and no content size, window descriptor for 2^27 bytes, an empty last block.
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (27 - 10) << 3, 0x01, 0x00, 0x00];
    let error = decompressed(Encoding::Zstd, &frame, 100).unwrap_err();
    assert!(matches!(error, DecompressError::Corrupt(_)), "{error}");
}

#[test]
fn a_frame_of_a_zstd_before_1_0_is_refused_however_it_is_cut() {
    // An empty frame of version 0.5, which libraries built for old formats still read.
    let old = [0x25, 0xb5, 0x2f, 0xfd, 0x02, 0xc3, 0x10, 0x08];
    let after_another = [&compressed(Encoding::Zstd, b"hello")[..], &old].concat();
    for wire in [&old[..], &after_another] {
        for chunk in [1, 3, 8, 100] {
            let error = decompressed(Encoding::Zstd, wire, chunk).unwrap_err();
            assert!(matches!(error, DecompressError::Corrupt(_)), "{error}");
        }
    }
}

#[test]
fn zstd_frames_that_are_to_be_skipped_are() {
    let skipped = [0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2];
    let hello = compressed(Encoding::Zstd, b"hello");
    let wire = [&skipped[..], &hello, &skipped, &hello].concat();
    for chunk in [1, 2, 3, 7, 100] {
        assert_eq!(decompressed(Encoding::Zstd, &wire, chunk).unwrap(), b"hellohello");
    }
}

#[test]
fn names_are_read_in_any_case() {
    for encoding in ALL {
        assert_eq!(Encoding::parse(encoding.as_str().as_bytes()), Some(encoding));
        assert_eq!(
            Encoding::parse(encoding.as_str().to_uppercase().as_bytes()),
            Some(encoding)
        );
    }
    assert_eq!(Encoding::parse(b" x-gzip "), Some(Encoding::Gzip));
    assert_eq!(Encoding::parse(b"gzip, zstd"), None);
    assert_eq!(Encoding::parse(b"br"), None);
}
