//! The way in: a stream of chunks becomes one buffer, whose growth is leased and limited.

use super::Encoding;
use super::inflate::Inflater;
use forebay_core::{Lease, OverBudget};
use std::fmt;
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

/// The largest window, as power of two, that a zstd frame may ask for: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// How frames begin that hold data (RFC 8878, section 3.1.1), and those that are to be skipped (section 3.1.2).
const ZSTD_DATA: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const ZSTD_SKIPPED: [u8; 4] = [0x5f, 0x2a, 0x4d, 0x18];

/// The output grows from at least this many bytes.
const SMALLEST: usize = 1024;

/// The first guess at how much larger the output is than the first chunk.
const FIRST_RATIO: usize = 6;

/// Why a body cannot be decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// The output would be larger than the limit, in bytes.
    #[error("more than {limit} bytes when decompressed")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// The bytes are not what the encoding says.
    #[error("cannot decompress: {0}")]
    Corrupt(&'static str),
    /// The memory budget has no room for the output.
    #[error(transparent)]
    OverBudget(#[from] OverBudget),
}

/// The output under its limit, and the lease that covers all memory of one decompressor.
pub(super) struct Sink {
    pub(super) bytes: Vec<u8>,
    limit: usize,
    lease: Lease,
    /// Bytes that the decoder holds beside the output.
    state: u64,
}

impl Sink {
    /// Sees to it that the lease covers `bytes`. What the lease had before counts.
    fn cover(&self, bytes: u64) -> Result<(), OverBudget> {
        let covered = self.lease.bytes();
        if bytes > covered {
            self.lease.grow(bytes - covered)?;
        }
        Ok(())
    }

    /// Says how much memory the decoder holds beside the output.
    fn decoder_holds(&mut self, bytes: u64) -> Result<(), DecompressError> {
        if bytes > self.state {
            self.cover(bytes + self.bytes.capacity() as u64)?;
            self.state = bytes;
        }
        Ok(())
    }

    /// Whether the output has filled all its room, so that the decoder may have more.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() == self.bytes.capacity()
    }

    /// Makes room for at least one byte of output. While the buffer moves, both the old and the new one are leased. The
    /// room may be one byte more than the limit: the one that shows that there is more.
    pub(super) fn make_room(&mut self, input: usize) -> Result<(), DecompressError> {
        if self.bytes.len() > self.limit {
            return Err(DecompressError::TooLarge { limit: self.limit });
        }
        if !self.is_full() {
            return Ok(());
        }
        let old = self.bytes.capacity();
        let wanted = if old == 0 {
            input.saturating_mul(FIRST_RATIO).max(SMALLEST)
        } else {
            old.saturating_mul(2)
        };
        let new = wanted.min(self.limit.saturating_add(1));
        self.cover(self.state + (old + new) as u64)?;
        self.bytes.reserve_exact(new - self.bytes.len());
        self.lease.shrink_to(self.state + self.bytes.capacity() as u64);
        Ok(())
    }
}

enum Decoder {
    Identity,
    Inflate(Inflater),
    Zstd {
        context: DCtx<'static>,
        opening: Opening,
        /// Whether the last frame is whole.
        at_end: bool,
    },
}

/// The first bytes of a zstd frame, which may come in pieces. The library may be built with decoders of the formats before
/// 1.0, which know no limit on their windows; RFC 8878 knows no such formats.
#[derive(Clone, Copy, Default)]
struct Opening {
    magic: [u8; 4],
    seen: usize,
}

impl Opening {
    /// Takes what is still missing from `bytes`. Whether it can be the beginning of a frame of RFC 8878.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let missing = self.magic.iter_mut().skip(self.seen);
        for (to, from) in missing.zip(bytes) {
            *to = *from;
            self.seen += 1;
        }
        let data = ZSTD_DATA.iter().zip(&self.magic);
        // The lower half of the first byte is for whoever skips such frames.
        let [first, rest @ ..] = self.magic;
        let masked = [first | 0x0f].into_iter().chain(rest);
        let skipped = ZSTD_SKIPPED.into_iter().zip(masked);
        data.take(self.seen).all(|(left, right)| left == right)
            || skipped.take(self.seen).all(|(left, right)| left == right)
    }
}

/// Decompresses one body as its chunks arrive. The chunks are not kept.
pub struct Decompressor {
    decoder: Decoder,
    sink: Sink,
}

impl Decompressor {
    /// One for a body in `encoding`, of at most `limit` bytes when decompressed. `lease` grows with the output and with what
    /// the decoder needs; bytes that it has already are used first.
    ///
    /// # Errors
    ///
    /// If the lease has no room for the decoder.
    pub fn new(encoding: Encoding, limit: usize, lease: Lease) -> Result<Self, DecompressError> {
        let mut sink = Sink {
            bytes: Vec::new(),
            limit,
            lease,
            state: 0,
        };
        let decoder = match encoding {
            Encoding::Identity => Decoder::Identity,
            Encoding::Gzip => Decoder::Inflate(Inflater::gzip()),
            Encoding::Deflate => Decoder::Inflate(Inflater::deflate()),
            Encoding::Zstd => Decoder::Zstd {
                context: zstd_context()?,
                opening: Opening::default(),
                at_end: false,
            },
        };
        match &decoder {
            Decoder::Identity => {}
            Decoder::Inflate(_) => sink.decoder_holds(Inflater::BYTES)?,
            Decoder::Zstd { context, .. } => sink.decoder_holds(context.sizeof() as u64)?,
        }
        Ok(Decompressor { decoder, sink })
    }

    /// How many bytes have come out so far.
    pub fn produced(&self) -> usize {
        self.sink.bytes.len()
    }

    /// Takes the next chunk of the body.
    ///
    /// # Errors
    ///
    /// See [`DecompressError`]. After an error the decompressor is of no use.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), DecompressError> {
        let Decompressor { decoder, sink } = self;
        match decoder {
            Decoder::Identity => copy(chunk, sink),
            Decoder::Inflate(inflater) => inflater.push(chunk, sink),
            Decoder::Zstd {
                context,
                opening,
                at_end,
            } => {
                if !chunk.is_empty() {
                    *at_end = zstd_push(context, opening, chunk, sink)?;
                }
                Ok(())
            }
        }
    }

    /// The whole output, once the body has ended. The lease then covers the output and no more.
    ///
    /// # Errors
    ///
    /// If the body ended too early, or if it is too large.
    pub fn finish(self) -> Result<Vec<u8>, DecompressError> {
        let Decompressor { decoder, mut sink } = self;
        let whole = match decoder {
            Decoder::Identity => true,
            Decoder::Inflate(mut inflater) => inflater.finish(&mut sink)?,
            Decoder::Zstd { at_end, .. } => at_end,
        };
        if !whole {
            return Err(DecompressError::Corrupt("the stream ends too early"));
        }
        if sink.bytes.len() > sink.limit {
            return Err(DecompressError::TooLarge { limit: sink.limit });
        }
        // A quarter of waste is not worth a copy.
        if sink.bytes.capacity() - sink.bytes.len() > sink.bytes.len() / 4 {
            sink.bytes.shrink_to_fit();
        }
        sink.lease.shrink_to(sink.bytes.capacity() as u64);
        Ok(sink.bytes)
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.decoder {
            Decoder::Identity => "identity",
            Decoder::Inflate(_) => "inflate",
            Decoder::Zstd { .. } => "zstd",
        };
        write!(f, "Decompressor({name}, {} bytes)", self.sink.bytes.len())
    }
}

fn copy(chunk: &[u8], sink: &mut Sink) -> Result<(), DecompressError> {
    let mut rest = chunk;
    while !rest.is_empty() {
        sink.make_room(rest.len())?;
        let room = sink.bytes.capacity() - sink.bytes.len();
        let (now, later) = rest.split_at(room.min(rest.len()));
        sink.bytes.extend_from_slice(now);
        rest = later;
    }
    Ok(())
}

fn zstd_context() -> Result<DCtx<'static>, DecompressError> {
    let failed = DecompressError::Corrupt("zstd has no memory");
    let mut context = DCtx::try_create().ok_or(failed)?;
    context
        .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
        .map_err(|_| failed)?;
    Ok(context)
}

/// Whether the input ended with a whole frame.
fn zstd_push(
    context: &mut DCtx<'static>,
    opening: &mut Opening,
    chunk: &[u8],
    sink: &mut Sink,
) -> Result<bool, DecompressError> {
    let mut input = InBuffer::around(chunk);
    loop {
        if !opening.take(chunk.get(input.pos()..).unwrap_or_default()) {
            return Err(DecompressError::Corrupt("not a zstd frame"));
        }
        sink.make_room(chunk.len())?;
        let position = sink.bytes.len();
        let mut output = OutBuffer::around_pos(&mut sink.bytes, position);
        let wanted = context
            .decompress_stream(&mut output, &mut input)
            .map_err(|code| DecompressError::Corrupt(zstd::zstd_safe::get_error_name(code)))?;
        sink.decoder_holds(context.sizeof() as u64)?;
        let frame_ended = wanted == 0;
        if frame_ended {
            *opening = Opening::default();
        }
        if input.pos() == chunk.len() && (frame_ended || !sink.is_full()) {
            return Ok(frame_ended);
        }
    }
}
