//! What a sender is told.

use super::status::RpcStatus;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

/// The answer to a request, as it came.
#[derive(Clone, Debug)]
pub struct Told {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body: for gRPC with the frame.
    pub body: Bytes,
    /// The trailers.
    pub trailers: HeaderMap,
}

impl Told {
    /// A header as text; nothing if it is not there or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A header of the gRPC status: in the trailers, or among the headers of a response without a body.
    fn status_header(&self, name: &str) -> Option<&HeaderValue> {
        self.trailers.get(name).or_else(|| self.headers.get(name))
    }

    /// The gRPC code; nothing if there is none.
    pub fn grpc_code(&self) -> Option<i32> {
        self.status_header("grpc-status")?.to_str().ok()?.parse().ok()
    }

    /// `google.rpc.Status`: of gRPC from `grpc-status-details-bin`, or without details from the two other headers; of HTTP
    /// from the body, in the form that its content type names. Nothing if it is not there or is not one.
    pub fn rpc_status(&self) -> Option<RpcStatus> {
        if let Some(code) = self.grpc_code() {
            return match self.status_header("grpc-status-details-bin") {
                Some(details) => RpcStatus::from_header(details.as_bytes()),
                None => {
                    let message = self.status_header("grpc-message");
                    let message = message.and_then(|value| value.to_str().ok());
                    Some(RpcStatus::new(code, message.unwrap_or_default()))
                }
            };
        }
        match self.header("content-type")? {
            "application/x-protobuf" => RpcStatus::from_protobuf(&self.body),
            "application/json" => RpcStatus::from_json(&self.body),
            _ => None,
        }
    }

    /// The message of a successful answer: the body, for gRPC without the frame. Nothing if the frame is not one whole,
    /// uncompressed message.
    pub fn message(&self) -> Option<Bytes> {
        if self.grpc_code().is_none() {
            return Some(self.body.clone());
        }
        let (prefix, message) = self.body.split_at_checked(5)?;
        let (compressed, length) = prefix.split_first()?;
        let length = u32::from_be_bytes(*length.first_chunk()?);
        let whole = *compressed == 0 && usize::try_from(length) == Ok(message.len());
        whole.then(|| self.body.slice(5..))
    }

    /// The seconds of `Retry-After`.
    pub fn retry_after(&self) -> Option<u64> {
        self.header("retry-after")?.parse().ok()
    }
}
