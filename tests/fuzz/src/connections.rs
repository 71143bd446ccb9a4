//! Connections: what a client writes, from the first byte to the last, over a stream in memory.

use crate::surroundings::node;
use forebay_core::{Ledger, Origin, Reason};
use forebay_transport::server::http::Format;
use forebay_transport::server::{
    Admission, Buffers, Connection, Incoming, LimitsConfig, Protocol, Reply, ServerSettings, Service,
    Workbench, grpc as grpc_framing, http as http_framing, serve_stream,
};
use forebay_transport::status::{Code, Status};
use http::{Request, Response, StatusCode, Version};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// HTTP/2's preface (RFC 9113, section 3.4), and an empty SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const BUDGET: u64 = 64 << 20;
const LIMIT: usize = 64 << 10;

/// Reads a message and answers with it, as receivers do.
struct Echo(Admission);

impl Echo {
    async fn call(&self, request: Request<Incoming>) -> Response<Reply> {
        let (head, body) = request.into_parts();
        match grpc_framing::read(&head.headers, body, &self.0).await {
            Ok(message) => grpc_framing::succeed(grpc_framing::frame(&message.bytes)),
            Err(refusal) => grpc_framing::fail(&refusal.status()),
        }
    }

    async fn post(&self, request: Request<Incoming>) -> Response<Reply> {
        let format = Format::of(request.headers());
        let (head, mut body) = request.into_parts();
        match http_framing::read(&head.headers, &mut body, &self.0).await {
            Ok(message) => {
                http_framing::respond(StatusCode::OK, format.unwrap_or(Format::Json), message.bytes)
            }
            Err(refusal) => {
                if head.version < Version::HTTP_2 {
                    http_framing::discard(body, &self.0).await;
                }
                let status = refusal.status();
                http_framing::fail(&status, status.http_status(), format.unwrap_or(Format::Json))
            }
        }
    }
}

impl Service for Echo {
    async fn serve(self: Arc<Self>, request: Request<Incoming>, _: Connection) -> Response<Reply> {
        if grpc_framing::is_grpc(request.headers()) {
            self.call(request).await
        } else if request.uri().path() == "/v1/traces" {
            self.post(request).await
        } else {
            let status = Status::new(Code::Unimplemented, "unknown path");
            http_framing::fail(&status, StatusCode::NOT_FOUND, Format::Json)
        }
    }

    fn turned_away(&self, reason: Reason) {
        assert_ne!(reason, Reason::OverBudget, "there is memory for one connection");
    }
}

/// What the server says to `input`, after which the client says no more.
async fn talk(protocol: Protocol, input: Vec<u8>) -> Vec<u8> {
    let ledger = Ledger::new(BUDGET);
    let (node, tasks, _trigger) = node(ledger.clone());
    let service = Arc::new(Echo(Admission {
        ledger: ledger.clone(),
        clock: node.clock.clone(),
        pace: LimitsConfig::default().body_pace(),
        max_bytes: LIMIT,
        buffers: Buffers::for_budget(BUDGET),
        workbench: Workbench::default(),
    }));
    let settings = ServerSettings {
        protocol,
        limits: LimitsConfig::default(),
        tls: None,
    };
    let (client, server) = tokio::io::duplex(64 << 10);
    let (mut answers, mut questions) = tokio::io::split(client);
    let ask = async move {
        // Fails if the server has closed the connection, which it may.
        let _ = questions.write_all(&input).await;
        let _ = questions.shutdown().await;
    };
    let listen = async move {
        let mut said = Vec::new();
        let _ = answers.read_to_end(&mut said).await;
        said
    };
    let serve = serve_stream(server, service, Origin::default(), &node, settings);
    let ((), said, ()) = tokio::join!(ask, listen, serve);
    tasks.ended().await;
    assert_eq!(ledger.read().used, 0, "a lease is left behind");
    said
}

fn run(protocol: Protocol, input: Vec<u8>) -> Vec<u8> {
    thread_local! {
        static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(talk(protocol, input)))
}

/// Whatever a client writes to the HTTP port, the connection comes to its end, and every answer on it is one.
pub(crate) fn http(data: &[u8]) {
    let said = run(Protocol::Any, data.to_vec());
    if !data.starts_with(&PREFACE[..4]) && !said.is_empty() {
        assert!(said.starts_with(b"HTTP/1."), "{}", String::from_utf8_lossy(&said));
    }
}

/// The same for the gRPC port. By the first byte the input is what follows the preface, or the data of calls, a chunk a frame.
pub(crate) fn grpc(data: &[u8]) {
    let Some((how, rest)) = data.split_first() else {
        return;
    };
    let mut input = PREFACE.to_vec();
    if how & 1 == 0 {
        input.extend(rest);
    } else {
        let size = usize::from(how >> 4) * 7 + 1;
        call(&mut input, how & 2 != 0, rest, size);
    }
    run(Protocol::Http2, input);
}

/// A whole call on stream 1, its body in DATA frames of `size` bytes.
fn call(out: &mut Vec<u8>, gzip: bool, body: &[u8], size: usize) {
    // POST and http from the static table (RFC 7541, appendix A), the rest as literals.
    let mut block = vec![0x83, 0x86, 0x04, 4];
    block.extend(b"/a/b");
    block.extend([0x0f, 0x10, 16]);
    block.extend(b"application/grpc");
    if gzip {
        block.extend([0, 13]);
        block.extend(b"grpc-encoding");
        block.push(4);
        block.extend(b"gzip");
    }
    frame(out, 1, 4, &block);
    let mut chunks = body.chunks(size).peekable();
    while let Some(chunk) = chunks.next() {
        frame(out, 0, u8::from(chunks.peek().is_none()), chunk);
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, payload: &[u8]) {
    out.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend([kind, flags, 0, 0, 0, 1]);
    out.extend(payload);
}
