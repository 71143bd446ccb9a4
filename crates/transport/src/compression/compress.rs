//! The way out.

use super::Encoding;
use bytes::Bytes;
use flate2::{Compress, Compression, FlushCompress, Status};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, zstd_sys::ZSTD_EndDirective};

/// The level that is used unless another is asked for: the fastest. Telemetry compresses about as well at level 1 as at the
/// default of either format, at a fraction of the cost.
pub const DEFAULT_LEVEL: u8 = 1;

/// How many idle contexts of each kind are kept.
const KEPT: usize = 4;

/// The room that output grows by, at least.
const STEP: usize = 4096;

/// A compressor failed: it had no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot compress: {0}")]
pub struct CompressError(&'static str);

/// Compressors, kept for the next body, as one takes up to 300 KiB and longer to make than to use on a small body. At most
/// four of each kind are kept idle; more exist only while more are at work. One client or server has one of these.
#[derive(Default)]
pub struct Compressors {
    gzip: Mutex<Vec<(u8, Compress)>>,
    zlib: Mutex<Vec<(u8, Compress)>>,
    zstd: Mutex<Vec<CCtx<'static>>>,
}

impl Compressors {
    /// None kept yet.
    pub fn new() -> Self {
        Compressors::default()
    }

    /// Appends the joined `slices` to `out`, encoded. `level` is that of the format; see [`DEFAULT_LEVEL`].
    ///
    /// # Errors
    ///
    /// If there is no memory for a compressor. `out` may then have part of the output.
    pub fn append(
        &self,
        encoding: Encoding,
        level: u8,
        slices: &[Bytes],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let total = slices.iter().map(Bytes::len).sum::<usize>();
        match encoding {
            Encoding::Identity => {
                out.reserve_exact(total);
                slices.iter().for_each(|slice| out.extend_from_slice(slice));
                Ok(())
            }
            Encoding::Gzip | Encoding::Deflate => {
                out.reserve(total / 8 + STEP);
                self.deflate(encoding, level, slices, out)
            }
            Encoding::Zstd => {
                out.reserve(total / 8 + STEP);
                self.zstd(level, slices, total, out)
            }
        }
    }

    /// The joined `slices`, encoded.
    ///
    /// # Errors
    ///
    /// As [`Compressors::append`].
    pub fn compress(
        &self,
        encoding: Encoding,
        level: u8,
        slices: &[Bytes],
    ) -> Result<Vec<u8>, CompressError> {
        let mut out = Vec::new();
        self.append(encoding, level, slices, &mut out)?;
        Ok(out)
    }

    fn deflate(
        &self,
        encoding: Encoding,
        level: u8,
        slices: &[Bytes],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let level = level.min(9);
        let gzip = encoding == Encoding::Gzip;
        let kept = if gzip { &self.gzip } else { &self.zlib };
        let mut state = match take(kept) {
            Some((of, mut state)) if of == level => {
                state.reset();
                state
            }
            _ if gzip => Compress::new_gzip(Compression::new(u32::from(level)), 15),
            _ => Compress::new(Compression::new(u32::from(level)), true),
        };
        for slice in slices {
            deflate_slice(&mut state, slice, out)?;
        }
        while deflate_step(&mut state, &[], out, FlushCompress::Finish)? != Status::StreamEnd {}
        keep(kept, (level, state));
        Ok(())
    }

    fn zstd(
        &self,
        level: u8,
        slices: &[Bytes],
        total: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        const FAILED: CompressError = CompressError("zstd has no memory");
        let mut context = take(&self.zstd).or_else(CCtx::try_create).ok_or(FAILED)?;
        let failed = |_| FAILED;
        context
            .reset(ResetDirective::SessionAndParameters)
            .map_err(failed)?;
        let level = CParameter::CompressionLevel(i32::from(level.min(22)));
        context.set_parameter(level).map_err(failed)?;
        context.set_pledged_src_size(Some(total as u64)).map_err(failed)?;
        for slice in slices {
            let mut input = InBuffer::around(slice);
            while input.pos() < slice.len() {
                zstd_step(&mut context, &mut input, out, ZSTD_EndDirective::ZSTD_e_continue)?;
            }
        }
        let mut nothing = InBuffer::around(&[]);
        while zstd_step(&mut context, &mut nothing, out, ZSTD_EndDirective::ZSTD_e_end)? != 0 {}
        keep(&self.zstd, context);
        Ok(())
    }
}

impl fmt::Debug for Compressors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compressors")
    }
}

fn take<T>(kept: &Mutex<Vec<T>>) -> Option<T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn keep<T>(kept: &Mutex<Vec<T>>, state: T) {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() < KEPT {
        kept.push(state);
    }
}

fn make_room(out: &mut Vec<u8>) {
    if out.capacity() - out.len() < STEP / 4 {
        out.reserve(STEP);
    }
}

fn deflate_slice(state: &mut Compress, slice: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
    let mut rest = slice;
    while !rest.is_empty() {
        let before = state.total_in();
        deflate_step(state, rest, out, FlushCompress::None)?;
        let taken = usize::try_from(state.total_in() - before).unwrap_or(usize::MAX);
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(())
}

fn deflate_step(
    state: &mut Compress,
    input: &[u8],
    out: &mut Vec<u8>,
    flush: FlushCompress,
) -> Result<Status, CompressError> {
    make_room(out);
    state
        .compress_vec(input, out, flush)
        .map_err(|_| CompressError("deflate is in a wrong state"))
}

fn zstd_step(
    context: &mut CCtx<'static>,
    input: &mut InBuffer<'_>,
    out: &mut Vec<u8>,
    directive: ZSTD_EndDirective,
) -> Result<usize, CompressError> {
    make_room(out);
    let position = out.len();
    let mut output = OutBuffer::around_pos(out, position);
    context
        .compress_stream2(&mut output, input, directive)
        .map_err(|_| CompressError("zstd is in a wrong state"))
}
