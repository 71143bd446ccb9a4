//! Clients under TLS: what they offer, what they take, and what they fall back to.

use super::rig::{Caller, Poster, World, address, failure};
use crate::client::ConnectSettings;
use crate::compression::Encoding;
use crate::tls::tests::Authority;
use crate::tls::{Alpn, TlsAcceptor, TlsConnector};
use bytes::Bytes;
use forebay_core::settings::{TlsClientConfig, TlsServerConfig};
use http::header::{HOST, HeaderMap};
use http::{Response, Version};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

const PLACE: &str = "10.0.0.1:443";

/// What came: by which version, with which headers.
type Seen = Arc<Mutex<Vec<(Version, HeaderMap, String)>>>;

/// An HTTPS server at [`PLACE`] that takes what its ALPN says and answers with 200.
fn serve(world: &World, config: &TlsServerConfig, alpn: Alpn) -> Seen {
    let mut incoming = world.network.listen(address(PLACE));
    let acceptor = TlsAcceptor::load(config, alpn).unwrap();
    let seen = Seen::default();
    let all = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Some(io) = incoming.recv().await {
            let (acceptor, seen) = (acceptor.clone(), Arc::clone(&all));
            tokio::spawn(async move {
                let Ok((stream, _)) = acceptor.accept(io).await else {
                    return;
                };
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let uri = request.uri().to_string();
                    let (version, headers) = (request.version(), request.headers().clone());
                    seen.lock().unwrap().push((version, headers, uri));
                    async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))) }
                });
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    seen
}

fn secure(tls: &TlsClientConfig) -> ConnectSettings {
    ConnectSettings {
        tls: Some(TlsConnector::load(tls).unwrap()),
        ..ConnectSettings::default()
    }
}

fn poster(world: &World, tls: &TlsClientConfig) -> Poster {
    world.network.name("localhost", &[address(PLACE)]);
    world.http("localhost", secure(tls))
}

fn caller(world: &World, tls: &TlsClientConfig) -> Caller {
    world.network.name("localhost", &[address(PLACE)]);
    world.grpc("localhost", secure(tls))
}

// conformance: C11
#[tokio::test]
async fn the_server_chooses_the_version_and_connections_are_kept() {
    for (alpn, version) in [
        (Alpn::Http2, Version::HTTP_2),
        (Alpn::Any, Version::HTTP_2),
        (Alpn::Http1, Version::HTTP_11),
    ] {
        let (world, authority) = (World::new(), Authority::new());
        let seen = serve(&world, &authority.server(&authority.issue(|_| {})), alpn);
        let poster = poster(&world, &authority.trusting());
        for _ in 0..5 {
            assert_eq!(poster.post().await.unwrap().status, 200);
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 5);
        for (came, headers, uri) in &*seen {
            assert_eq!(*came, version, "{alpn:?}");
            assert_eq!(headers.contains_key(HOST), version == Version::HTTP_11);
            let whole = "https://localhost:4318/v1/traces";
            assert_eq!(
                uri,
                if version == Version::HTTP_2 {
                    whole
                } else {
                    "/v1/traces"
                }
            );
        }
        assert_eq!(world.network.attempts_at(address(PLACE)), 1);
    }
}

// conformance: C11
#[tokio::test]
async fn a_server_that_changes_its_mind_is_followed() {
    let (world, authority) = (World::new(), Authority::new());
    let config = authority.server(&authority.issue(|_| {}));
    let poster = poster(&world, &authority.trusting());
    for (alpn, version) in [
        (Alpn::Http1, Version::HTTP_11),
        (Alpn::Http2, Version::HTTP_2),
        (Alpn::Http1, Version::HTTP_11),
    ] {
        let seen = serve(&world, &config, alpn);
        poster.0.close();
        // The first one may meet what the server no longer speaks.
        let mut left = 4;
        while let Err(error) = poster.post().await {
            let crate::client::CallError::Unreachable { after, .. } = error else {
                panic!("{error}");
            };
            world.time(after.unwrap_or_default()).await;
            left -= 1;
            assert!(left > 0, "{error}");
        }
        assert_eq!(seen.lock().unwrap()[0].0, version);
    }
}

// conformance: C11
#[tokio::test]
async fn a_server_that_requires_http_1_gets_it() {
    let (world, authority) = (World::new(), Authority::new());
    let mut incoming = world.network.listen(address(PLACE));
    let acceptor = TlsAcceptor::load(&authority.server(&authority.issue(|_| {})), Alpn::Any).unwrap();
    let poster = poster(&world, &authority.trusting());
    let serve = async {
        let (stream, _) = acceptor.accept(incoming.recv().await.unwrap()).await.unwrap();
        let mut newer = h2::server::handshake(stream).await.unwrap();
        let (_, mut respond) = newer.accept().await.unwrap().unwrap();
        respond.send_reset(h2::Reason::HTTP_1_1_REQUIRED);
        tokio::spawn(async move { while newer.accept().await.is_some() {} });
        let (stream, _) = acceptor.accept(incoming.recv().await.unwrap()).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let service = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))) });
        let builder = hyper::server::conn::http1::Builder::new();
        tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
    };
    let (reply, ()) = tokio::join!(poster.post(), serve);
    assert_eq!(reply.unwrap().status, 200);
}

#[tokio::test]
async fn grpc_needs_a_server_that_chooses_http_2() {
    let (world, authority) = (World::new(), Authority::new());
    let config = authority.server(&authority.issue(|_| {}));
    serve(&world, &config, Alpn::Http1);
    let told = failure(caller(&world, &authority.trusting()).call().await);
    assert!(told.contains("cannot connect to localhost:4317"), "{told}");
    let world = World::new();
    let seen = serve(&world, &config, Alpn::Http2);
    let reply = caller(&world, &authority.trusting()).call().await;
    // The server is no gRPC server, and says so by its content type.
    assert!(failure(reply).contains("not gRPC"));
    assert_eq!(seen.lock().unwrap()[0].2, "https://localhost:4317/a.B/C");
}

#[tokio::test]
async fn a_certificate_is_shown_where_it_is_asked_for() {
    let (world, authority) = (World::new(), Authority::new());
    let mut config = authority.server(&authority.issue(|_| {}));
    let trusting = authority.trusting();
    config.client_ca_file.clone_from(&trusting.ca_file);
    serve(&world, &config, Alpn::Any);
    let client = authority.issue(|_| {});
    let told = poster(&world, &authority.showing(&client)).post().await;
    assert_eq!(told.unwrap().status, 200);
    let refused = poster(&world, &trusting).post().await;
    let told = failure(refused);
    assert!(told.to_lowercase().contains("certificate"), "{told}");
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_not_sent_anything() {
    let (world, authority, other) = (World::new(), Authority::new(), Authority::new());
    let seen = serve(&world, &authority.server(&authority.issue(|_| {})), Alpn::Any);
    let told = failure(poster(&world, &other.trusting()).post().await);
    assert!(told.contains("trusted authority"), "{told}");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn tls_goes_through_a_tunnel_end_to_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (world, authority) = (World::new(), Authority::new());
    let proxy: SocketAddr = address("10.9.9.9:3128");
    let mut incoming = world.network.listen(proxy);
    let acceptor = TlsAcceptor::load(&authority.server(&authority.issue(|_| {})), Alpn::Http2).unwrap();
    let connect = ConnectSettings {
        proxy: Some("http://10.9.9.9:3128".parse().unwrap()),
        ..secure(&authority.trusting())
    };
    let poster = world.http("localhost", connect);
    let serve = async {
        let mut io = incoming.recv().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(io.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"CONNECT localhost:4318 HTTP/1.1\r\n"));
        io.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let (stream, _) = acceptor.accept(io).await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        assert!(!request.headers().contains_key("proxy-authorization"));
        respond.send_response(Response::new(()), true).unwrap();
        tokio::spawn(async move { while connection.accept().await.is_some() {} });
    };
    let (reply, ()) = tokio::join!(poster.post(), serve);
    assert_eq!(reply.unwrap().status, 200);
}

#[tokio::test]
async fn a_large_body_goes_out_over_tls_whole() {
    let (world, authority) = (World::new(), Authority::new());
    let mut incoming = world.network.listen(address(PLACE));
    let acceptor = TlsAcceptor::load(&authority.server(&authority.issue(|_| {})), Alpn::Http2).unwrap();
    world.network.name("localhost", &[address(PLACE)]);
    let settings = crate::client::GrpcSettings {
        connect: secure(&authority.trusting()),
        encoding: Encoding::Identity,
        ..crate::client::GrpcSettings::to(super::rig::tcp("localhost", 443))
    };
    let client = crate::client::GrpcClient::new(settings, &world.surroundings).unwrap();
    let method = client.method("/a.B/C").unwrap();
    let slices: Vec<Bytes> = (0..64).map(|fill| Bytes::from(vec![fill; 100_003])).collect();
    let serve = async {
        let (stream, _) = acceptor.accept(incoming.recv().await.unwrap()).await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        let running = tokio::spawn(async move { while connection.accept().await.is_some() {} });
        let mut body = request.into_body();
        let mut whole = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece.unwrap();
            body.flow_control().release_capacity(piece.len()).unwrap();
            whole.extend_from_slice(&piece);
        }
        respond
            .send_response(super::rig::head(&[("grpc-status", "0")]), true)
            .unwrap();
        drop(respond);
        (whole, running)
    };
    let (reply, (whole, _running)) = tokio::join!(client.call(&method, &slices, None), serve);
    assert!(reply.is_ok());
    assert!(whole[5..] == slices.concat());
}
