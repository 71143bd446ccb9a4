//! Tests of the classic format, and of what a call may be. The endpoint itself is tested through the binary.

use super::cardinality::{encoded, query};
use super::classic::{from_open_metrics, is_wanted};
use super::grpc::read;
use super::wire::WatchStatusRequest;
use bytes::Bytes;
use forebay_core::{CardinalityQuery, Ranking};
use forebay_transport::status::Code;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::Full;

fn accepting(value: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static(value));
    headers
}

#[test]
fn only_a_client_that_does_not_know_open_metrics_gets_the_classic_format() {
    assert!(!is_wanted(&HeaderMap::new()));
    assert!(!is_wanted(&accepting("*/*")));
    assert!(is_wanted(&accepting("text/plain;version=0.0.4;q=0.5, */*;q=0.1")));
    // What Prometheus sends.
    let prometheus =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
    assert!(!is_wanted(&accepting(prometheus)));
}

#[test]
fn counters_are_renamed_and_units_left_out() {
    let open = "# TYPE a_seconds counter\n# UNIT a_seconds seconds\n# HELP a_seconds Time, in all.\na_seconds_total 1\n\
                # TYPE b gauge\n# HELP b A thing.\nb{x=\"# EOF\"} 2\n# EOF\n";
    let classic = "# TYPE a_seconds_total counter\n# HELP a_seconds_total Time, in all.\na_seconds_total 1\n\
                   # TYPE b gauge\n# HELP b A thing.\nb{x=\"# EOF\"} 2\n";
    assert_eq!(from_open_metrics(open), classic);
}

async fn code(body: &'static [u8]) -> Result<u32, Code> {
    let request: Result<WatchStatusRequest, _> = read(Full::new(Bytes::from_static(body))).await;
    request
        .map(|request| request.interval_milliseconds)
        .map_err(|status| status.code)
}

#[tokio::test]
async fn a_call_has_one_whole_message() {
    assert_eq!(code(&[0, 0, 0, 0, 0]).await, Ok(0));
    assert_eq!(code(&[0, 0, 0, 0, 2, 8, 100]).await, Ok(100));
    // A field that a later version may have.
    assert_eq!(code(&[0, 0, 0, 0, 4, 16, 1, 8, 100]).await, Ok(100));
    for (wrong, expected) in [
        (&[][..], Code::InvalidArgument),
        (&[0, 0, 0, 0], Code::InvalidArgument),
        (&[0, 0, 0, 0, 1], Code::InvalidArgument),
        (&[0, 0, 0, 0, 0, 0], Code::InvalidArgument),
        (&[0, 255, 255, 255, 255], Code::InvalidArgument),
        (&[2, 0, 0, 0, 0], Code::InvalidArgument),
        (&[1, 0, 0, 0, 0], Code::Unimplemented),
        (&[0, 0, 0, 0, 1, 8], Code::InvalidArgument),
        (&[0; 4097], Code::ResourceExhausted),
    ] {
        assert_eq!(code(wrong).await, Err(expected), "{wrong:?}");
    }
}

#[test]
fn a_question_about_cardinality_is_read_as_it_was_asked() {
    assert_eq!(query(""), Ok(CardinalityQuery::default()));
    let asked = CardinalityQuery {
        top: 100,
        by: Ranking::Growth,
        group: Some("service.name=a b+c/\u{e9}&d%".to_owned()),
    };
    let group = encoded(asked.group.as_deref().unwrap());
    assert_eq!(query(&format!("top=100&by=growth&group={group}")), Ok(asked));
    assert_eq!(query("group=a+b&").unwrap().group.unwrap(), "a b");
    assert_eq!(query("group=").unwrap().group, None);
    for wrong in [
        "top=0",
        "top=101",
        "top=",
        "top=-1",
        "by=size",
        "by",
        "group=%",
        "group=%4",
        "group=%zz",
        "group=%ff",
        "order=live",
    ] {
        assert!(query(wrong).is_err(), "{wrong}");
    }
}
