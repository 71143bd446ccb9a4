//! The backend and the sender, each against the other and against what the workspace's other stacks make of them.

use super::*;
use forebay_core::Signal;
use std::sync::Arc;
use std::time::Duration;

const SIGNAL: Signal = Signal::Traces;

async fn backend(answer: Answer) -> Backend {
    Backend::start(Scripted::new(move |_| answer.clone()))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_grpc_status_arrives_with_its_details_as_trailers_and_alone() {
    let violations = vec![Violation {
        field: "spans[0]".to_owned(),
        description: "has no id".to_owned(),
    }];
    let status = RpcStatus {
        retry_delay: Some(Delay {
            seconds: -3,
            nanos: -1,
        }),
        violations,
        ..RpcStatus::new(8, "too much")
    };
    let answer = Answer::grpc_status(&status);
    for (answer, alone) in [(answer.clone(), false), (answer.trailers_only(), true)] {
        let backend = backend(answer).await;
        let told = Form::grpc(SIGNAL, b"x").send(backend.http2()).await.unwrap();
        assert_eq!((told.status, told.grpc_code()), (200, Some(8)));
        assert_eq!(told.trailers.is_empty(), alone);
        assert_eq!(told.rpc_status().unwrap(), status);
        let received = backend.scripted.received();
        assert_eq!(received[0].path, grpc_path(SIGNAL));
        assert_eq!(received[0].message().unwrap(), "x");
    }
}

#[tokio::test]
async fn a_grpc_message_arrives_whole_and_a_broken_frame_is_seen_as_one() {
    let whole = backend(Answer::grpc_message(b"hello")).await;
    let told = Form::grpc(SIGNAL, b"").send(whole.http2()).await.unwrap();
    assert_eq!(
        (told.grpc_code(), told.message().unwrap()),
        (Some(0), "hello".into())
    );
    let truncated = framed(b"hello").slice(..7);
    let broken = backend(Answer::grpc(0, "").body(truncated)).await;
    let told = Form::grpc(SIGNAL, b"").send(broken.http2()).await.unwrap();
    assert_eq!((told.grpc_code(), told.message()), (Some(0), None));
}

#[tokio::test]
async fn http_answers_arrive_over_both_versions_with_headers_and_body() {
    let status = RpcStatus::new(14, "not now");
    let backend = backend(Answer::http_status(503, &status).header("retry-after", "7")).await;
    for (protocol, address) in [
        (Protocol::Http1, backend.http1()),
        (Protocol::Http2, backend.http2()),
    ] {
        let told = Form::protobuf(protocol, SIGNAL, b"x")
            .send(address)
            .await
            .unwrap();
        assert_eq!((told.status, told.retry_after()), (503, Some(7)));
        assert_eq!(told.rpc_status().unwrap(), status);
    }
    assert_eq!(backend.scripted.count(), 2);
}

#[tokio::test]
async fn a_connection_carries_one_request_after_the_other() {
    let backend = backend(Answer::http(200).body("done")).await;
    let request = "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";
    let chunked = "POST /v1/logs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let garbage = "garbage\r\n\r\n";
    let answer = exchange(backend.http1(), format!("{request}{chunked}{garbage}").as_bytes())
        .await
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 Scripted").count(), 2, "{answer}");
    let bodies: Vec<_> = backend
        .scripted
        .received()
        .into_iter()
        .map(|got| got.body)
        .collect();
    assert_eq!(bodies, ["hi", "abc"]);
}

#[tokio::test]
async fn answers_that_break_off_are_errors_at_the_sender() {
    let cut = Answer::http(200).body("half").ending(Ending::CutOff);
    for answer in [
        Answer::act(Act::Reset(2)),
        Answer::act(Act::GoAway(11)),
        Answer::act(Act::Raw("not HTTP\r\n\r\n".into())),
        cut,
    ] {
        let backend = backend(answer.clone()).await;
        for (protocol, address) in [
            (Protocol::Http1, backend.http1()),
            (Protocol::Http2, backend.http2()),
        ] {
            let told = Form::protobuf(protocol, SIGNAL, b"x").send(address).await;
            assert!(told.is_err(), "{answer:?} over {protocol:?}: {told:?}");
        }
    }
}

#[tokio::test]
async fn answers_that_never_end_leave_the_sender_waiting_or_reading() {
    let waiting = Duration::from_millis(50);
    for answer in [
        Answer::act(Act::Hang),
        Answer::http(200).body("half").ending(Ending::Never),
    ] {
        let backend = backend(answer).await;
        for (protocol, address) in [
            (Protocol::Http1, backend.http1()),
            (Protocol::Http2, backend.http2()),
        ] {
            let form = Form::protobuf(protocol, SIGNAL, b"x");
            assert!(tokio::time::timeout(waiting, form.send(address)).await.is_err());
        }
    }
    let endless = backend(Answer::http(200).body(vec![0; 1 << 20]).ending(Ending::Endless)).await;
    for (protocol, address) in [
        (Protocol::Http1, endless.http1()),
        (Protocol::Http2, endless.http2()),
    ] {
        let error = Form::protobuf(protocol, SIGNAL, b"x")
            .send(address)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("does not end"), "{error}");
    }
}

#[tokio::test]
async fn a_script_decides_by_the_request_and_can_be_exchanged() {
    let by_number = |request: &Received| match request.number {
        0 => Answer::http(503),
        _ => Answer::http(200),
    };
    let backend = Backend::start(Scripted::new(by_number)).await.unwrap();
    let send = async || {
        let form = Form::json(Protocol::Http1, SIGNAL, "{}");
        form.send(backend.http1()).await.unwrap().status
    };
    assert_eq!([send().await, send().await], [503, 200]);
    let scripted = Arc::clone(&backend.scripted);
    scripted.restart(|_| Answer::http(418));
    assert_eq!((send().await, scripted.count()), (418, 1));
    scripted.until(1).await;
}

#[test]
fn statuses_are_read_from_json_as_from_protobuf() {
    let status = RpcStatus {
        retry_delay: Some(Duration::from_millis(1500).into()),
        violations: vec![Violation {
            field: "f".to_owned(),
            description: "d".to_owned(),
        }],
        ..RpcStatus::new(3, "bad")
    };
    let json = r#"{"code":3,"message":"bad","details":[
        {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"},
        {"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"f","description":"d"}]}]}"#;
    assert_eq!(RpcStatus::from_json(json.as_bytes()).unwrap(), status);
    assert_eq!(RpcStatus::from_protobuf(&status.to_protobuf()).unwrap(), status);
    assert_eq!(
        RpcStatus::from_header(status.to_header().as_bytes()).unwrap(),
        status
    );
    // `CAM` is one byte short of three: padded, it is `CAM=`.
    for header in ["CAM", "CAM="] {
        assert_eq!(
            RpcStatus::from_header(header.as_bytes()).unwrap(),
            RpcStatus::new(3, "")
        );
    }
    for wrong in ["[]", "{\"code\":\"x\"}", "{\"details\":[{}]}", ""] {
        assert_eq!(RpcStatus::from_json(wrong.as_bytes()), None, "{wrong}");
    }
}
