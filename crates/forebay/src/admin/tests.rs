//! Tests of the classic format. The endpoint itself is tested through the binary.

use super::classic::{from_open_metrics, is_wanted};
use http::{HeaderMap, HeaderValue, header};

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
