use super::*;

fn examples() -> Vec<Status> {
    vec![
        Status::new(Code::Unavailable, ""),
        Status::new(Code::Internal, "back end: 100 % full\nand \u{201c}closed\u{201d}"),
        Status::new(Code::Unavailable, "busy").after(Some(Duration::from_millis(1500))),
        Status::new(Code::InvalidArgument, "bad").violating("byte 17", "truncated message"),
        Status::new(Code::ResourceExhausted, "x")
            .after(Some(Duration::ZERO))
            .violating("a", "b"),
    ]
}

#[test]
fn a_status_comes_back_from_trailers_protobuf_and_json() {
    for status in examples() {
        let mut trailers = HeaderMap::new();
        status.write_trailers(&mut trailers);
        assert_eq!(Status::from_trailers(&trailers), Some(status.clone()));
        assert_eq!(Status::from_protobuf(&status.to_protobuf()), Some(status.clone()));
        assert_eq!(Status::from_json(&status.to_json()), Some(status));
    }
}

#[test]
fn padded_details_are_read_too_and_broken_ones_are_ignored() {
    let status = Status::new(Code::Unavailable, "busy").after(Some(Duration::from_secs(3)));
    let mut trailers = HeaderMap::new();
    status.write_trailers(&mut trailers);
    let bare = trailers["grpc-status-details-bin"]
        .to_str()
        .unwrap()
        .trim_end_matches('=')
        .to_owned();
    let padded = format!("{bare}{}", "=".repeat((4 - bare.len() % 4) % 4));
    for text in [bare, padded] {
        trailers.insert("grpc-status-details-bin", text.parse().unwrap());
        assert_eq!(Status::from_trailers(&trailers), Some(status.clone()));
    }
    for broken in ["!!", "AAAA", "A"] {
        trailers.insert("grpc-status-details-bin", broken.parse().unwrap());
        assert_eq!(
            Status::from_trailers(&trailers),
            Some(Status::new(Code::Unavailable, "busy"))
        );
    }
}

#[test]
fn a_message_with_broken_escapes_is_read_as_it_is() {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "13".parse().unwrap());
    trailers.insert("grpc-message", "50% of %C3%A9t%c3%a9 %4".parse().unwrap());
    let status = Status::from_trailers(&trailers).unwrap();
    assert_eq!(&*status.message, "50% of \u{e9}t\u{e9} %4");
}

#[test]
fn no_grpc_status_is_no_status() {
    assert_eq!(Status::from_trailers(&HeaderMap::new()), None);
    assert_eq!(Status::from_protobuf(b"\xff\xff not protobuf"), None);
    assert_eq!(Status::from_json(b"<html>"), None);
    assert_eq!(Status::from_json(b"{\"error\":1}"), None);
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let status = Status::new(Code::Internal, "\u{e9}".repeat(4000));
    let read = Status::from_protobuf(&status.to_protobuf()).unwrap();
    assert_eq!(&*read.message, "\u{e9}".repeat(LONGEST_MESSAGE / 2));
}

#[test]
fn resource_exhausted_is_retryable_only_with_a_delay() {
    let bare = Status::new(Code::ResourceExhausted, "");
    assert!(!bare.is_retryable());
    assert_eq!(bare.http_status(), 413);
    let delayed = bare.after(Some(Duration::from_millis(1)));
    assert!(delayed.is_retryable());
    assert_eq!(delayed.http_status(), 429);
    assert_eq!(delayed.retry_after_header().unwrap(), "1");
}

#[test]
fn retryable_codes_map_to_retryable_http_and_the_others_do_not() {
    for number in 1..=16 {
        let status = Status::new(Code::from_i32(number), "");
        assert_eq!(
            status.is_retryable(),
            http_is_retryable(status.http_status()),
            "{number}"
        );
    }
}

#[test]
fn http_statuses_map_to_grpc_codes() {
    for (status, code) in [
        (400, Code::Internal),
        (401, Code::Unauthenticated),
        (404, Code::Unimplemented),
    ] {
        assert_eq!(grpc_code_of_http(StatusCode::from_u16(status).unwrap()), code);
    }
    for status in [429, 502, 503, 504] {
        assert_eq!(
            grpc_code_of_http(StatusCode::from_u16(status).unwrap()),
            Code::Unavailable
        );
    }
    assert_eq!(grpc_code_of_http(StatusCode::IM_A_TEAPOT), Code::Unknown);
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    let read = |text: &'static str| parse_retry_after(&HeaderValue::from_static(text), now);
    assert_eq!(read("120"), Some(Duration::from_secs(120)));
    assert_eq!(
        read("Sun, 06 Nov 1994 08:49:47 GMT"),
        Some(Duration::from_secs(10))
    );
    assert_eq!(read("Sun, 06 Nov 1994 08:49:30 GMT"), Some(Duration::ZERO));
    assert_eq!(read("soon"), None);
    assert_eq!(read("-1"), None);
    assert_eq!(read(""), None);
    assert_eq!(
        read("99999999999999999999999"),
        Some(Duration::from_secs(u64::MAX))
    );
}

#[test]
fn retry_after_of_any_number_of_digits_is_a_delay_and_a_sign_is_none() {
    let read =
        |text: &'static str| parse_retry_after(&HeaderValue::from_static(text), SystemTime::UNIX_EPOCH);
    assert_eq!(read("18446744073709551616"), Some(Duration::from_secs(u64::MAX)));
    assert_eq!(read("+5"), None);
    assert_eq!(read(""), None);
}

#[test]
fn a_delay_of_more_than_ten_thousand_years_is_sent_as_ten_thousand() {
    let status = Status::new(Code::Unavailable, "").after(Some(Duration::MAX));
    let forms = [
        Status::from_json(&status.to_json()),
        Status::from_protobuf(&status.to_protobuf()),
    ];
    for read in forms {
        let seconds = read.unwrap().retry_after.unwrap().as_secs();
        assert_eq!(seconds, 315_576_000_000);
    }
}
