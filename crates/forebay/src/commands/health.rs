//! `forebay health`: asks the admin endpoint of a running Forebay. An image from scratch holds no other program that
//! could.

use crate::cli::{Exit, HealthArgs};
use crate::out::{Out, complain};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long each step may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The most bytes of an answer that are read.
const ANSWER_MAX: u64 = 4096;

pub(crate) fn health(args: &HealthArgs, out: Out) -> Exit {
    let path = if args.ready { "/readyz" } else { "/livez" };
    match ask(args.admin, path) {
        Ok((true, words)) => out.print(&words, Exit::Done),
        Ok((false, words)) => {
            complain(&words);
            Exit::Failed
        }
        Err(error) => {
            complain(&format!("error: http://{}{path}: {error}\n", args.admin));
            Exit::Failed
        }
    }
}

/// Whether the endpoint says yes, and its words.
fn ask(address: SocketAddr, path: &str) -> io::Result<(bool, String)> {
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
    Ok((status == "200", body.to_owned()))
}
