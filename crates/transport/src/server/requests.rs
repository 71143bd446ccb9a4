//! The requests of a streaming call: small messages, one after the other.

use super::Refusal;
use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use std::future::poll_fn;
use std::pin::Pin;

/// A message's prefix: a flag, and its length in four bytes (gRPC, "PROTOCOL-HTTP2", "Length-Prefixed-Message").
const PREFIX: usize = 5;

/// Reads the messages of a streaming call. Each is bounded, so that nothing is leased for them: for calls about the server, such
/// as reflection, and not for telemetry.
#[derive(Debug)]
pub struct Requests<B> {
    body: B,
    buffer: BytesMut,
    limit: usize,
}

impl<B: Body<Data = Bytes> + Unpin> Requests<B> {
    /// The messages in `body`, each of at most `limit` bytes.
    pub fn new(body: B, limit: usize) -> Self {
        Requests {
            body,
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// The next message; nothing once the client has sent its last. May be dropped where it waits and be called again.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]: a message that is too large or compressed, or a stream that ends inside one.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        loop {
            if let Some(message) = self.buffered()? {
                return Ok(Some(message));
            }
            match poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                None if self.buffer.is_empty() => return Ok(None),
                None | Some(Err(_)) => return Err(Refusal::Gone),
            }
        }
    }

    /// A message that is there already.
    fn buffered(&mut self) -> Result<Option<Bytes>, Refusal> {
        let Some(&[flag, length @ ..]) = self.buffer.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if flag != 0 {
            return Err(Refusal::Encoding);
        }
        if length > self.limit {
            return Err(Refusal::TooLarge { limit: self.limit });
        }
        if self.buffer.len() - PREFIX < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Refusal, Requests};
    use bytes::Bytes;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use std::convert::Infallible;

    fn requests(
        chunks: Vec<&'static [u8]>,
    ) -> Requests<impl hyper::body::Body<Data = Bytes, Error = Infallible> + Unpin> {
        let frames = chunks
            .into_iter()
            .map(|chunk| Ok(Frame::data(Bytes::from_static(chunk))));
        Requests::new(StreamBody::new(futures_util::stream::iter(frames)), 4)
    }

    #[tokio::test]
    async fn messages_come_whole_however_they_are_cut() {
        let mut requests = requests(vec![
            &[0, 0],
            &[0, 0, 2, b'a'],
            &[b'b', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            b"c",
        ]);
        for expected in [&b"ab"[..], b"", b"c"] {
            assert_eq!(requests.next().await.unwrap().unwrap(), expected);
        }
        assert_eq!(requests.next().await, Ok(None));
    }

    #[tokio::test]
    async fn what_is_no_small_message_is_refused() {
        let large = requests(vec![&[0, 0, 0, 0, 5]]).next().await;
        assert_eq!(large, Err(Refusal::TooLarge { limit: 4 }));
        assert_eq!(
            requests(vec![&[1, 0, 0, 0, 1]]).next().await,
            Err(Refusal::Encoding)
        );
        assert_eq!(requests(vec![&[0, 0, 0, 0, 1]]).next().await, Err(Refusal::Gone));
    }
}
