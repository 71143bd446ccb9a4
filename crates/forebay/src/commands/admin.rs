//! Asking the admin endpoint of a running Forebay, with nothing but a socket: whoever asks may be in an image without any other
//! program.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long each step may take. Workers have two seconds to answer what a page asks of them.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of an answer that are read.
const ANSWER_MAX: u64 = 8 << 20;

/// An answer of the endpoint.
pub(crate) struct Page {
    /// Its status is 200.
    pub(crate) ok: bool,
    /// Its body.
    pub(crate) body: String,
}

/// Gets the page at `path`.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Page> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if !head.starts_with("HTTP/1.") {
        return Err(io::Error::other("what answers there is no HTTP server"));
    }
    Ok(Page {
        ok: status == "200",
        body: body.to_owned(),
    })
}
