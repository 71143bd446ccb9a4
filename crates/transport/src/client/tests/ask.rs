//! Questions to metadata services: what is asked, what is taken as an answer, and what a server cannot do with them.

use super::rig::{World, address, tcp};
use crate::client::{AskError, AskLimits, Question};
use bytes::Bytes;
use http::{Method, Response};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PLACE: &str = "169.254.169.254:80";
const LIMITS: AskLimits = AskLimits {
    connect: Duration::from_secs(1),
    whole: Duration::from_secs(2),
    body: 1000,
};

async fn ask(world: &World, method: Method, path: &str) -> Result<Response<Bytes>, AskError> {
    let question = Question::new(method, &tcp("169.254.169.254", 80), path).unwrap();
    let around = &world.surroundings;
    question.ask(&*around.network, &around.clock, LIMITS).await
}

/// What becomes of a question that is answered by these bytes, and the question. The server keeps the connection open.
async fn answered(answer: &[u8]) -> (Result<Response<Bytes>, AskError>, String) {
    let world = World::new();
    let mut incoming = world.network.listen(address(PLACE));
    let answer = answer.to_vec();
    let server = tokio::spawn(async move {
        let mut io = incoming.recv().await.unwrap();
        let mut read = vec![0; 4096];
        let length = io.read(&mut read).await.unwrap();
        // Whoever has heard enough closes.
        let _ = io.write_all(&answer).await;
        let _ = io.read(&mut read[length..]).await;
        String::from_utf8(read[..length].to_vec()).unwrap()
    });
    let outcome = ask(&world, Method::GET, "/latest?a=b").await;
    (outcome, server.await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_question_is_plain_and_its_answer_is_read() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";
    let (outcome, asked) = answered(answer).await;
    assert_eq!(
        asked,
        format!(
            "GET /latest?a=b HTTP/1.1\r\nhost: 169.254.169.254\r\nuser-agent: {}\r\naccept: */*\r\nconnection: close\r\n\r\n",
            super::super::USER_AGENT
        )
    );
    let answer = outcome.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.body()[..]),
        (200, &b"hello"[..])
    );
    assert_eq!(answer.headers()["content-type"], "text/plain");
}

#[tokio::test(start_paused = true)]
async fn statuses_are_told_and_redirects_are_not_followed() {
    for (status, more) in [
        (302, "location: http://169.254.169.254/b\r\n"),
        (404, ""),
        (503, ""),
    ] {
        let answer = format!("HTTP/1.1 {status} X\r\n{more}content-length: 0\r\n\r\n");
        let (outcome, _) = answered(answer.as_bytes()).await;
        assert_eq!(outcome.unwrap().status().as_u16(), status);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_an_end() {
    let chunk = [
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"[..],
        &[b"3e8\r\n", &[b'x'; 1000][..], b"\r\n"].concat(),
    ]
    .concat();
    let whole = [&chunk[..], b"0\r\n\r\n"].concat();
    assert_eq!(answered(&whole).await.0.unwrap().body().len(), 1000);
    for (what, answer, expected) in [
        (
            "a length that is too long",
            b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".to_vec(),
            AskError::TooLong(1000),
        ),
        (
            "chunks that are too long",
            [&chunk[..], b"1\r\nx\r\n"].concat(),
            AskError::TooLong(1000),
        ),
        (
            "chunks without an end",
            chunk.clone(),
            AskError::Late(LIMITS.whole),
        ),
        (
            "half a body",
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(),
            AskError::Late(LIMITS.whole),
        ),
        (
            "half a head",
            b"HTTP/1.1 200 OK\r\nconte".to_vec(),
            AskError::Late(LIMITS.whole),
        ),
        ("nothing", Vec::new(), AskError::Late(LIMITS.whole)),
    ] {
        assert_eq!(answered(&answer).await.0.unwrap_err(), expected, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_or_never_ends_is_cut_off() {
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    let interim = b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n".repeat(4000);
    let extensions = [
        &b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;"[..],
        &[b'a'; 200_000],
    ]
    .concat();
    for (what, answer) in [
        ("no HTTP", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()),
        ("HTTP/2", b"\0\0\0\x04\0\0\0\0\0".to_vec()),
        ("a head without an end", [head, vec![b'a'; 100_000]].concat()),
        ("interim answers without an end", interim),
        ("extensions of a chunk without an end", extensions),
    ] {
        let (outcome, _) = answered(&answer).await;
        assert!(matches!(outcome, Err(AskError::Broken(_))), "{what}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_is_told() {
    let world = World::new();
    let mut incoming = world.network.listen(address(PLACE));
    let server = tokio::spawn(async move {
        let mut io = incoming.recv().await.unwrap();
        let _ = io.read(&mut [0; 4096]).await.unwrap();
        io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
            .await
            .unwrap();
    });
    let outcome = ask(&world, Method::PUT, "/").await;
    assert!(matches!(outcome, Err(AskError::Broken(_))), "{outcome:?}");
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_from_silence() {
    let world = World::new();
    let outcome = ask(&world, Method::GET, "/").await;
    assert!(matches!(outcome, Err(AskError::Nobody(_))), "{outcome:?}");
    world.network.silence(address(PLACE));
    assert_eq!(
        ask(&world, Method::GET, "/").await.unwrap_err(),
        AskError::Unconnected(LIMITS.connect)
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_stands_for_its_addresses_and_no_proxy_is_asked() {
    let world = World::new();
    world.network.set_variable("http_proxy", "http://proxy:3128");
    world.network.set_variable("HTTP_PROXY", "http://proxy:3128");
    world
        .network
        .name("metadata", &[address("10.0.0.1:80"), address("10.0.0.2:80")]);
    let mut incoming = world.network.listen(address("10.0.0.2:80"));
    let server = tokio::spawn(async move {
        let mut io = incoming.recv().await.unwrap();
        let _ = io.read(&mut [0; 4096]).await.unwrap();
        io.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
    });
    let question = Question::new(Method::GET, &tcp("metadata", 80), "/").unwrap();
    let around = &world.surroundings;
    let answer = question
        .ask(&*around.network, &around.clock, LIMITS)
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    server.await.unwrap();
    assert_eq!(
        *world.network.attempts.lock().unwrap(),
        [address("10.0.0.1:80"), address("10.0.0.2:80")]
    );
    let unknown = Question::new(Method::GET, &tcp("elsewhere", 80), "/").unwrap();
    let outcome = unknown.ask(&*around.network, &around.clock, LIMITS).await;
    assert!(matches!(outcome, Err(AskError::Broken(_))), "{outcome:?}");
}
