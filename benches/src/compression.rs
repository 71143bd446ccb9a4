//! Compression of request bodies: the codecs of gRPC (`grpc-encoding`) and HTTP (`content-encoding`).

use crate::Result;
use bytes::Bytes;
use std::io::{Read, Write};

/// What a body may decompress to at most: 256 MiB.
pub const DECOMPRESSED_BYTES_MAX: u64 = 256 << 20;

/// A codec. Both run at level 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize, serde::Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not compressed.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Compression {
    /// The name in `grpc-encoding` and `content-encoding`; nothing when not compressed.
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        }
    }

    /// The codec that a header names.
    ///
    /// # Errors
    /// The name is not `identity`, `gzip` or `zstd`.
    pub fn from_header(name: &str) -> Result<Compression> {
        match name {
            "" | "identity" => Ok(Compression::None),
            "gzip" => Ok(Compression::Gzip),
            "zstd" => Ok(Compression::Zstd),
            other => Err(format!("unknown compression {other}").into()),
        }
    }

    /// Compresses a body.
    ///
    /// # Errors
    /// The codec fails.
    pub fn compress(self, body: Bytes) -> Result<Bytes> {
        match self {
            Compression::None => Ok(body),
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&body)?;
                Ok(encoder.finish()?.into())
            }
            Compression::Zstd => Ok(zstd::bulk::compress(&body, 1)?.into()),
        }
    }

    /// Decompresses a body up to [`DECOMPRESSED_BYTES_MAX`].
    ///
    /// # Errors
    /// The body is not in the codec's format, or larger than that.
    pub fn decompress(self, body: Bytes) -> Result<Bytes> {
        match self {
            Compression::None => Ok(body),
            Compression::Gzip => capped(flate2::read::MultiGzDecoder::new(body.as_ref())),
            Compression::Zstd => capped(zstd::stream::read::Decoder::with_buffer(body.as_ref())?),
        }
    }
}

fn capped(reader: impl Read) -> Result<Bytes> {
    let mut out = Vec::new();
    reader.take(DECOMPRESSED_BYTES_MAX + 1).read_to_end(&mut out)?;
    if out.len() as u64 > DECOMPRESSED_BYTES_MAX {
        return Err("body decompresses to more than 256 MiB".into());
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let body = Bytes::from(vec![7_u8; 100_000]);
        for codec in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let packed = codec.compress(body.clone()).unwrap();
            assert_eq!(codec.decompress(packed).unwrap(), body);
            assert_eq!(
                Compression::from_header(codec.header().unwrap_or("identity")).unwrap(),
                codec
            );
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = Compression::Zstd
            .compress(vec![0; DECOMPRESSED_BYTES_MAX as usize + 1].into())
            .unwrap();
        assert!(Compression::Zstd.decompress(bomb).is_err());
        assert!(
            Compression::Gzip
                .decompress(Bytes::from_static(b"not gzip"))
                .is_err()
        );
    }
}
