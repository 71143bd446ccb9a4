//! Answers are compressed where the client says that it can read that, and where it is worth the work: an answer is nearly
//! always a few bytes, and only one with a long message or with descriptors is more.

use super::reply::Reply;
use crate::compression::{Compressors, DEFAULT_LEVEL, Encoding};
use ::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use ::http::{HeaderMap, Response};
use bytes::Bytes;

/// A body of at most so many bytes is sent as it is.
const WORTH_PACKING: usize = 1024;

pub(super) const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// Compresses the body of an answer if the headers of its request accept gzip (OTLP specification, "OTLP/HTTP Response").
pub(super) fn pack(request: &HeaderMap, mut response: Response<Reply>) -> Response<Reply> {
    let body = response.body().data();
    let packed = body.and_then(|body| packed(request.get(ACCEPT_ENCODING), body));
    if let Some(packed) = packed {
        *response.body_mut() = Reply::whole(packed);
        let headers = response.headers_mut();
        headers.insert(CONTENT_ENCODING, GZIP);
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

/// The bytes in gzip, if `accepted` lists it and it makes them smaller.
pub(super) fn packed(accepted: Option<&HeaderValue>, bytes: &[u8]) -> Option<Bytes> {
    if bytes.len() <= WORTH_PACKING || !lists_gzip(accepted?.as_bytes()) {
        return None;
    }
    let slices = [Bytes::copy_from_slice(bytes)];
    let packed = Compressors::new().compress(Encoding::Gzip, DEFAULT_LEVEL, &slices);
    packed
        .ok()
        .filter(|packed| packed.len() < bytes.len())
        .map(Bytes::from)
}

/// Whether a list of encodings has gzip, and not with the weight 0 (RFC 9110, section 12.5.3).
fn lists_gzip(list: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|entry| {
        let mut parts = entry.split(|&byte| byte == b';');
        let name = parts.next().unwrap_or_default().trim_ascii();
        let refused = parts.any(|part| {
            let weight = part.trim_ascii().strip_prefix(b"q=").unwrap_or(b"1");
            weight.iter().all(|&byte| matches!(byte, b'0' | b'.'))
        });
        name.eq_ignore_ascii_case(b"gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::{lists_gzip, packed};
    use ::http::HeaderValue;

    #[test]
    fn gzip_is_found_in_lists_unless_its_weight_is_0() {
        for accepted in [
            "gzip",
            "br, GZIP",
            "deflate;q=0.5, gzip;q=0.1",
            "identity,gzip,zstd",
        ] {
            assert!(lists_gzip(accepted.as_bytes()), "{accepted}");
        }
        for refused in ["", "br", "gzip;q=0", "gzip; q=0.000", "gzipped"] {
            assert!(!lists_gzip(refused.as_bytes()), "{refused}");
        }
    }

    #[test]
    fn only_what_becomes_smaller_is_packed() {
        let gzip = HeaderValue::from_static("gzip");
        let packed = |bytes: &[u8]| packed(Some(&gzip), bytes);
        assert!(packed(&[b'a'; 1024]).is_none(), "too little to be worth it");
        assert!(packed(&[b'a'; 1025]).unwrap().len() < 100);
        let noise: Vec<u8> = (0..2000_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 ^ (i.wrapping_mul(i) >> 7) as u8)
            .collect();
        assert!(packed(&noise).is_none_or(|packed| packed.len() < noise.len()));
    }
}
