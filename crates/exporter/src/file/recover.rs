//! Where the complete records of a file end: a process that is killed while it writes leaves part of one behind.

use super::config::{FileCompression, FileFormat};
use super::record::Encoder;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// The first bytes of a Zstandard frame (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The tag that every export request begins with: field 1, length-delimited.
const REQUEST_TAG: u8 = 0x0a;
/// How much of a file is looked at at once for its last line break.
const WINDOW: u64 = 64 << 10;

/// What was found in a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Complete records up to this offset.
    Records(u64),
    /// Something else: it is not for us to change.
    Foreign,
}

impl Encoder {
    /// Looks through a file of `length` bytes. Reads all lengths of `proto` and all block headers of `zstd`, and the end
    /// of `json`.
    pub(super) fn recover(self, file: impl Read + Seek, length: u64) -> io::Result<Found> {
        let mut file = BufReader::new(file);
        if length == 0 {
            return Ok(Found::Records(0));
        }
        match (self.compression, self.format) {
            (FileCompression::Zstd, _) => walk(&mut file, length, zstd_frame),
            (FileCompression::None, FileFormat::Proto) => walk(&mut file, length, message),
            (FileCompression::None, FileFormat::Json) => lines(&mut file, length),
        }
    }
}

/// What a step of [`walk`] came upon.
enum Step {
    Record,
    Foreign,
}

/// Steps from record to record as long as they are whole. Only the first may be foreign: what follows our own records is
/// the rest of one.
fn walk<F: Read + Seek>(
    file: &mut F,
    length: u64,
    step: fn(&mut F) -> io::Result<Step>,
) -> io::Result<Found> {
    let mut good = 0;
    while good < length {
        match step(file) {
            Ok(Step::Foreign) if good == 0 => return Ok(Found::Foreign),
            Ok(Step::Foreign) => break,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
            Ok(Step::Record) => {}
        }
        let position = file.stream_position()?;
        if position > length {
            break;
        }
        good = position;
    }
    Ok(Found::Records(good))
}

fn message<F: Read + Seek>(file: &mut F) -> io::Result<Step> {
    let length = u32::from_be_bytes(bytes(file)?);
    if length > 0 {
        let [tag] = bytes(file)?;
        if tag != REQUEST_TAG {
            return Ok(Step::Foreign);
        }
        file.seek_relative(i64::from(length) - 1)?;
    }
    Ok(Step::Record)
}

/// RFC 8878, section 3.1.1: magic number, frame header, blocks up to the one marked as the last, and a checksum if the
/// header says so.
fn zstd_frame<F: Read + Seek>(file: &mut F) -> io::Result<Step> {
    if bytes(file)? != ZSTD_MAGIC {
        return Ok(Step::Foreign);
    }
    let [descriptor] = bytes(file)?;
    let single_segment = descriptor & 0x20 != 0;
    let window = i64::from(!single_segment);
    let dictionary = match descriptor & 3 {
        3 => 4,
        size => i64::from(size),
    };
    let content = match descriptor >> 6 {
        0 => i64::from(single_segment),
        exponent => 1 << exponent,
    };
    file.seek_relative(window + dictionary + content)?;
    loop {
        let [low, middle, high] = bytes(file)?;
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let is_repetition = header >> 1 & 3 == 1;
        let size = if is_repetition { 1 } else { i64::from(header >> 3) };
        file.seek_relative(size)?;
        if header & 1 != 0 {
            break;
        }
    }
    let has_checksum = descriptor & 4 != 0;
    file.seek_relative(if has_checksum { 4 } else { 0 })?;
    Ok(Step::Record)
}

/// The offset after the last line break.
fn lines<F: Read + Seek>(file: &mut F, length: u64) -> io::Result<Found> {
    if bytes(file)? != *b"{" {
        return Ok(Found::Foreign);
    }
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(WINDOW);
        file.seek(SeekFrom::Start(start))?;
        let mut window = Vec::new();
        file.take(end - start).read_to_end(&mut window)?;
        if let Some(index) = window.iter().rposition(|byte| *byte == b'\n') {
            return Ok(Found::Records(start + index as u64 + 1));
        }
        end = start;
    }
    Ok(Found::Records(0))
}

fn bytes<const N: usize>(file: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
