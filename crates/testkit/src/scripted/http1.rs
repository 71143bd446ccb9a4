//! The backend's HTTP/1.1: requests read by hand, responses written byte for byte.

use super::answer::{Act, Ending, Response};
use super::backend::{BODY_MAX, Received, Scripted};
use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt::Write;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

/// The longest head that is taken.
const HEAD_MAX: usize = 64 << 10;

/// Serves one connection to its end.
pub async fn serve<T: AsyncRead + AsyncWrite + Unpin>(io: T, scripted: Arc<Scripted>) {
    let mut connection = Connection {
        io,
        buffer: BytesMut::new(),
    };
    // The client is gone, or what it sent is no HTTP/1.1: there is nobody to tell.
    while let Some(request) = connection.request().await {
        let answer = scripted.answer(request);
        tokio::time::sleep(answer.after).await;
        if connection.act(answer.act).await.is_none() {
            return;
        }
    }
}

struct Connection<T> {
    io: T,
    buffer: BytesMut,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// The next request. Nothing if there is none.
    async fn request(&mut self) -> Option<Received> {
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break self.buffer.split_to(end + 4);
            }
            if self.buffer.len() > HEAD_MAX {
                return None;
            }
            self.more().await?;
        };
        let mut lines = std::str::from_utf8(&head).ok()?.trim_end().split("\r\n");
        let mut line = lines.next()?.split(' ');
        let (method, path) = (line.next()?.to_owned(), line.next()?.to_owned());
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            let name = HeaderName::try_from(name).ok()?;
            headers.append(name, HeaderValue::try_from(value.trim()).ok()?);
        }
        let body = self.body(&headers).await?;
        Some(Received {
            number: 0,
            at: Instant::now(),
            method,
            path,
            headers,
            body,
        })
    }

    async fn body(&mut self, headers: &HeaderMap) -> Option<Bytes> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if text("transfer-encoding") == Some("chunked") {
            return self.chunks().await;
        }
        let length = text("content-length").map_or(Some(0), |length| length.parse().ok())?;
        self.exactly(length).await
    }

    /// A chunked body (RFC 9112, section 7.1), without trailers.
    async fn chunks(&mut self) -> Option<Bytes> {
        let mut whole = BytesMut::new();
        loop {
            let line = self.line().await?;
            let size = line.split(';').next()?.trim();
            let size = usize::from_str_radix(size, 16).ok()?;
            whole.extend_from_slice(&self.exactly(size).await?);
            if whole.len() > BODY_MAX || !self.line().await?.is_empty() {
                return None;
            }
            if size == 0 {
                return Some(whole.freeze());
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line = self.buffer.split_to(end);
                self.buffer.advance(2);
                return String::from_utf8(line.to_vec()).ok();
            }
            self.more().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Bytes> {
        if length > BODY_MAX {
            return None;
        }
        while self.buffer.len() < length {
            self.more().await?;
        }
        Some(self.buffer.split_to(length).freeze())
    }

    async fn more(&mut self) -> Option<()> {
        match self.io.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }

    /// Does what was said. Nothing if that ends the connection.
    async fn act(&mut self, act: Act) -> Option<()> {
        match act {
            Act::Respond(response) => self.respond(&response).await,
            Act::Raw(bytes) => {
                self.io.write_all(&bytes).await.ok()?;
                self.io.shutdown().await.ok()?;
                None
            }
            Act::Reset(_) | Act::GoAway(_) => None,
            Act::Hang => self.hang().await,
        }
    }

    /// Says nothing until the client gives up.
    async fn hang(&mut self) -> Option<()> {
        loop {
            self.more().await?;
            self.buffer.clear();
        }
    }

    async fn respond(&mut self, response: &Response) -> Option<()> {
        self.io.write_all(head(response).as_bytes()).await.ok()?;
        self.io.write_all(&response.body).await.ok()?;
        self.io.flush().await.ok()?;
        match response.ending {
            Ending::Whole => Some(()),
            Ending::Never => self.hang().await,
            Ending::CutOff => None,
            Ending::Endless => {
                while self.io.write_all(&response.body).await.is_ok() {}
                None
            }
        }
    }
}

/// Status line and headers. A response that does not end well promises more than it has.
fn head(response: &Response) -> String {
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", response.status);
    // Writing to a string does not fail.
    for (name, value) in &response.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    let says = |wanted: &str| response.headers.iter().any(|(name, _)| name == wanted);
    let bodiless = matches!(response.status, 100..200 | 204 | 304);
    if !says("content-length") && !says("transfer-encoding") && !bodiless {
        let length = match response.ending {
            Ending::Whole => response.body.len(),
            Ending::Never | Ending::CutOff => response.body.len() + 1,
            Ending::Endless => usize::MAX >> 2,
        };
        let _ = write!(head, "content-length: {length}\r\n");
    }
    head.push_str("\r\n");
    head
}
