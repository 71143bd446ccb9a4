//! Compression of bodies: out in one go, in as a stream that never holds more than it was allowed.
//!
//! A small body may decompress to a huge one, so a [`Decompressor`] has a limit, and leases its memory from the ledger as it
//! grows. Decoders keep a window beside the output: 32 KiB for gzip and deflate (RFC 1951), at most 8 MiB for zstd (RFC 8878,
//! section 3.1.1.1.2, asks decoders for at least that); it is leased too.

mod compress;
mod decompress;
mod inflate;
#[cfg(test)]
mod tests;

pub use compress::{CompressError, Compressors, DEFAULT_LEVEL};
pub use decompress::{DecompressError, Decompressor};

/// How the bytes of a body are encoded, as `Content-Encoding` and `grpc-encoding` name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As they are.
    #[default]
    Identity,
    /// gzip (RFC 1952), of one member or more.
    Gzip,
    /// Zstandard (RFC 8878), of one frame or more.
    Zstd,
    /// `deflate` as HTTP means it: the zlib format (RFC 1950). Raw deflate (RFC 1951), which some senders write, is
    /// accepted.
    Deflate,
}

impl Encoding {
    /// The names of all encodings, for `grpc-accept-encoding` and error messages.
    pub const ACCEPTED: &'static str = "identity,gzip,zstd,deflate";

    /// The name in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
            Encoding::Deflate => "deflate",
        }
    }

    /// The encoding that a header's value names, in any case (RFC 9110, section 8.4.1); nothing for an unknown one and for
    /// lists.
    pub fn parse(name: &[u8]) -> Option<Encoding> {
        const NAMES: [(&[u8], Encoding); 7] = [
            (b"", Encoding::Identity),
            (b"identity", Encoding::Identity),
            (b"gzip", Encoding::Gzip),
            (b"x-gzip", Encoding::Gzip),
            (b"zstd", Encoding::Zstd),
            (b"deflate", Encoding::Deflate),
            (b"zlib", Encoding::Deflate),
        ];
        let name = name.trim_ascii();
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, encoding)| *encoding)
    }
}

impl From<forebay_core::settings::Compression> for Encoding {
    fn from(setting: forebay_core::settings::Compression) -> Self {
        use forebay_core::settings::Compression;
        match setting {
            Compression::None => Encoding::Identity,
            Compression::Gzip => Encoding::Gzip,
            Compression::Zstd => Encoding::Zstd,
        }
    }
}
