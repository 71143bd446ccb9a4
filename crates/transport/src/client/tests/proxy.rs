//! Which connections go through a proxy, and what the proxy and the origin see.

use super::rig::{World, address, failure, headers_of, tcp};
use crate::client::proxy::of_environment;
use crate::client::{ConnectSettings, ProxyUrl};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Reads up to the end of a head.
async fn read_head(io: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn chosen(world: &World, host: &str, tunnel: bool) -> Option<String> {
    let target = tcp(host, 4317);
    let proxy = of_environment(&*world.network, &target, tunnel).unwrap();
    proxy.map(|proxy| proxy.to_string())
}

#[test]
fn the_environment_names_proxies_by_kind_of_connection() {
    let world = World::new();
    assert_eq!(chosen(&world, "backend", true), None);
    world.network.set_variable("HTTPS_PROXY", "secure:3128");
    world.network.set_variable("http_proxy", "http://plain");
    assert_eq!(
        chosen(&world, "backend", true).as_deref(),
        Some("http://secure:3128")
    );
    assert_eq!(
        chosen(&world, "backend", false).as_deref(),
        Some("http://plain:80")
    );
    for local in ["localhost", "127.0.0.1", "127.9.9.9", "::1"] {
        assert_eq!(chosen(&world, local, true), None, "{local}");
    }
}

#[test]
fn exceptions_are_names_suffixes_addresses_and_ranges() {
    for (list, host, excepted) in [
        ("*", "backend", true),
        ("backend", "backend", true),
        ("BACKEND.", "backend", false),
        ("example.com", "a.b.Example.com", true),
        ("example.com", "badexample.com", false),
        (".example.com", "a.example.com", true),
        (".example.com", "example.com", false),
        ("*.example.com", "a.example.com", true),
        ("10.0.0.0/8", "10.200.3.4", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("0.0.0.0/0", "11.0.0.1", true),
        ("0.0.0.0/0", "fd00::1", false),
        ("fd00::/8", "fd12::1", true),
        ("10.0.0.0/33", "10.0.0.1", false),
        ("10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false),
        ("[fd00::1]:4317", "fd00::1", true),
        ("fd00::1", "fd00::1", true),
        ("backend:4317", "backend", true),
        ("backend:80", "backend", false),
        (" other , backend ", "backend", true),
        (",,", "backend", false),
    ] {
        let world = World::new();
        world.network.set_variable("HTTPS_PROXY", "proxy:3128");
        world.network.set_variable("NO_PROXY", list);
        assert_eq!(chosen(&world, host, true).is_none(), excepted, "{list} {host}");
    }
}

#[test]
fn a_proxy_that_cannot_be_used_is_an_error_without_its_password() {
    for url in [
        "socks5://u:s3cret@proxy:1080",
        "https://u:s3cret@proxy",
        "http://u:s3cret@",
        "http://u:s3cret@proxy:0",
        "http://u:s3cret@proxy:99999",
    ] {
        let error = url.parse::<ProxyUrl>().unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
    }
    let proxy: ProxyUrl = "http://us%40er:s3cret@proxy:3128".parse().unwrap();
    let shown = format!("{proxy} {proxy:?} {}", serde_json::to_string(&proxy).unwrap());
    assert!(
        !shown.contains("s3cret") && shown.contains("http://***@proxy:3128"),
        "{shown}"
    );
}

#[tokio::test(start_paused = true)]
async fn grpc_goes_through_a_tunnel_and_the_origin_sees_no_credentials() {
    let world = World::new();
    let proxy = address("10.9.9.9:3128");
    let mut incoming = world.network.listen(proxy);
    world
        .network
        .set_variable("HTTPS_PROXY", "http://user:s3cret@10.9.9.9:3128");
    let caller = world.grpc("backend.example", ConnectSettings::default());
    let serve = async {
        let mut io = incoming.recv().await.unwrap();
        let head = read_head(&mut io).await;
        io.write_all(b"HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n")
            .await
            .unwrap();
        let mut connection = h2::server::handshake(io).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        respond
            .send_response(super::rig::head(&[("grpc-status", "0")]), true)
            .unwrap();
        tokio::spawn(async move { while connection.accept().await.is_some() {} });
        (head, request)
    };
    let (reply, (head, request)) = tokio::join!(caller.call(), serve);
    reply.unwrap();
    assert!(
        head.starts_with("CONNECT backend.example:4317 HTTP/1.1\r\n"),
        "{head}"
    );
    let headers = headers_of(&head);
    assert_eq!(headers["host"], "backend.example:4317");
    assert_eq!(headers["proxy-authorization"], "Basic dXNlcjpzM2NyZXQ=");
    assert!(!request.headers().contains_key("proxy-authorization"));
    assert_eq!(request.uri().authority().unwrap(), "backend.example:4317");
}

#[tokio::test(start_paused = true)]
async fn plain_http_is_handed_to_the_proxy_with_its_whole_url() {
    let world = World::new();
    let mut incoming = world.network.listen(address("10.9.9.9:3128"));
    let connect = ConnectSettings {
        proxy: Some("http://user:s3cret@10.9.9.9:3128".parse().unwrap()),
        ..ConnectSettings::default()
    };
    let poster = world.http("backend.example", connect);
    let serve = async {
        let mut io = incoming.recv().await.unwrap();
        let head = read_head(&mut io).await;
        io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        head
    };
    let (reply, head) = tokio::join!(poster.post(), serve);
    assert_eq!(reply.unwrap().status, 200);
    assert!(
        head.starts_with("POST http://backend.example:4318/v1/traces HTTP/1.1\r\n"),
        "{head}"
    );
    let headers = headers_of(&head);
    assert_eq!(headers["host"], "backend.example:4318");
    assert_eq!(headers["proxy-authorization"], "Basic dXNlcjpzM2NyZXQ=");
}

#[tokio::test(start_paused = true)]
async fn what_the_proxy_refuses_is_told_without_its_password() {
    for (answer, word) in [
        (&b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"[..], "407"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "502"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "not answer as an HTTP proxy"),
        (b"HTTP/1.1 200", "end of file"),
        (&[b'x'; 20_000], "does not end"),
    ] {
        let world = World::new();
        let mut incoming = world.network.listen(address("10.9.9.9:3128"));
        world
            .network
            .set_variable("https_proxy", "http://user:s3cret@10.9.9.9:3128");
        let caller = world.grpc("backend.example", ConnectSettings::default());
        let serve = async {
            let mut io = incoming.recv().await.unwrap();
            read_head(&mut io).await;
            let _ = io.write_all(answer).await;
        };
        let (outcome, ()) = tokio::join!(caller.call(), serve);
        let told = failure(outcome);
        assert!(
            told.contains(word) && told.contains("through the proxy"),
            "{told}"
        );
        assert!(!told.contains("s3cret") && !told.contains("dXNlcjpz"), "{told}");
    }
}
