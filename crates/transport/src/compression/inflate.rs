//! gzip and deflate: what the library leaves to its caller, that is members, framing and the end.

use super::decompress::{DecompressError, Sink};
use flate2::{Decompress, FlushDecompress, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Gzip,
    /// zlib or raw deflate: the first two bytes tell. The first one waits here for the second.
    Unknown(Option<u8>),
    Deflate,
}

/// A decoder for gzip of any number of members, zlib or raw deflate.
pub(super) struct Inflater {
    state: Option<Decompress>,
    framing: Framing,
    /// A member has ended: what comes next, if anything, is another.
    ended: bool,
}

impl Inflater {
    /// What one holds: a window of 32 KiB and tables.
    pub(super) const BYTES: u64 = 48 << 10;

    pub(super) fn gzip() -> Self {
        Inflater {
            state: Some(Decompress::new_gzip(15)),
            framing: Framing::Gzip,
            ended: false,
        }
    }

    pub(super) fn deflate() -> Self {
        Inflater {
            state: None,
            framing: Framing::Unknown(None),
            ended: false,
        }
    }

    pub(super) fn push(&mut self, chunk: &[u8], sink: &mut Sink) -> Result<(), DecompressError> {
        match (self.framing, chunk) {
            (_, []) => Ok(()),
            (Framing::Unknown(None), [first]) => {
                self.framing = Framing::Unknown(Some(*first));
                Ok(())
            }
            (Framing::Unknown(None), [first, second, ..]) => {
                self.start(*first, *second);
                self.run(chunk, sink)
            }
            (Framing::Unknown(Some(first)), [second, ..]) => {
                self.start(first, *second);
                self.run(&[first], sink)?;
                self.run(chunk, sink)
            }
            (Framing::Gzip | Framing::Deflate, _) => self.run(chunk, sink),
        }
    }

    /// Whether the input ended with a whole member.
    pub(super) fn finish(&mut self, sink: &mut Sink) -> Result<bool, DecompressError> {
        if let Framing::Unknown(Some(first)) = self.framing {
            // One byte alone is no zlib stream, and no raw one that ends.
            self.start(first, first);
            self.run(&[first], sink)?;
        }
        Ok(self.ended)
    }

    /// RFC 1950, section 2.2: method 8, and a multiple of 31.
    fn start(&mut self, first: u8, second: u8) {
        let is_zlib = first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
        self.state = Some(Decompress::new(is_zlib));
        self.framing = Framing::Deflate;
    }

    fn run(&mut self, chunk: &[u8], sink: &mut Sink) -> Result<(), DecompressError> {
        let mut rest = chunk;
        loop {
            if rest.is_empty() && (self.ended || !sink.is_full()) {
                return Ok(());
            }
            if self.ended {
                self.next_member(rest)?;
            }
            let taken = self.step(rest, sink)?;
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    fn next_member(&mut self, rest: &[u8]) -> Result<(), DecompressError> {
        if self.framing != Framing::Gzip || rest.first() != Some(&0x1f) {
            return Err(DecompressError::Corrupt("bytes after the end of the stream"));
        }
        self.state = Some(Decompress::new_gzip(15));
        self.ended = false;
        Ok(())
    }

    /// Decodes until the input or the room ends. How many bytes of `input` were taken.
    fn step(&mut self, input: &[u8], sink: &mut Sink) -> Result<usize, DecompressError> {
        const CORRUPT: DecompressError = DecompressError::Corrupt("the stream is not valid");
        sink.make_room(input.len())?;
        let state = self.state.as_mut().ok_or(CORRUPT)?;
        let (taken, written) = (state.total_in(), sink.bytes.len());
        let status = state
            .decompress_vec(input, &mut sink.bytes, FlushDecompress::None)
            .map_err(|_| CORRUPT)?;
        let taken = usize::try_from(state.total_in() - taken).map_err(|_| CORRUPT)?;
        self.ended = status == Status::StreamEnd;
        let stuck = taken == 0 && sink.bytes.len() == written;
        if stuck && !input.is_empty() && !self.ended {
            return Err(CORRUPT);
        }
        Ok(taken)
    }
}
