//! What is written for one request.
//!
//! A file is a sequence of records, and nothing else: no header, no trailer. A record is complete or it is not there.
//!
//! | format | compression | record |
//! |---|---|---|
//! | `json` | none | the request as OTLP JSON without line breaks, and `\n` (0x0A) |
//! | `proto` | none | the length `n` of the message in 4 bytes, big-endian, and the `n` bytes of the message |
//! | either | `zstd` | one Zstandard frame (RFC 8878) that holds its size, and unpacks to the record without compression |
//!
//! Frames one after the other are again a Zstandard file, so both formats unpack as a whole to the uncompressed form.

use super::config::{FileCompression, FileFormat};
use bytes::Bytes;
use forebay_core::Payload;
use forebay_core::component::Request;
use forebay_otlp::json;
use std::io;

/// The compression level of zstd: its own default, about 100 MB/s on one core.
const LEVEL: i32 = 3;

/// Why there is no record for a request.
#[derive(Debug)]
pub(super) enum RecordError {
    /// There will never be one.
    Impossible(String),
    /// There may be one another time.
    Failed(io::Error),
}

/// Makes records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoder {
    pub(super) format: FileFormat,
    pub(super) compression: FileCompression,
}

impl Encoder {
    /// The record for `request`, in slices, and how many of its bytes are newly allocated.
    pub(super) fn record(self, request: &Request) -> Result<(Payload, usize), RecordError> {
        let (plain, fresh) = match self.format {
            FileFormat::Json => json_line(request)?,
            FileFormat::Proto => (prefixed(&request.payload)?, 4),
        };
        match self.compression {
            FileCompression::None => Ok((plain, fresh)),
            FileCompression::Zstd => {
                let frame = zstd::bulk::compress(&plain.contiguous(), LEVEL).map_err(RecordError::Failed)?;
                Ok((Payload::from(Bytes::from(frame)), plain.len()))
            }
        }
    }
}

fn json_line(request: &Request) -> Result<(Payload, usize), RecordError> {
    let mut line = Vec::new();
    json::from_protobuf(request.signal, &request.payload.contiguous(), &mut line).map_err(|error| {
        RecordError::Impossible(format!("the request cannot be written as JSON: {error}"))
    })?;
    line.push(b'\n');
    let fresh = line.capacity();
    Ok((Payload::from(Bytes::from(line)), fresh))
}

fn prefixed(payload: &Payload) -> Result<Payload, RecordError> {
    let length = u32::try_from(payload.len())
        .map_err(|_| RecordError::Impossible("the request is larger than 4 GiB".to_owned()))?;
    let mut record = Payload::from(Bytes::copy_from_slice(&length.to_be_bytes()));
    record.append(payload);
    Ok(record)
}
