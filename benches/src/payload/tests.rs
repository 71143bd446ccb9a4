use super::*;
use crate::walk;
use bytes::BytesMut;

#[test]
fn a_span_is_as_large_as_the_published_measurements_assume() {
    let bytes = Request::new(Signal::Traces, 1000, 1, None).protobuf().len();
    assert!(
        (440..=475).contains(&(bytes / 1000)),
        "{} bytes per span",
        bytes / 1000
    );
}

#[test]
fn the_walk_and_the_count_find_what_was_built() {
    for signal in Signal::ALL {
        for items in [1, 10, 251, 1000] {
            let request = Request::new(signal, items, 7, None).protobuf();
            assert_eq!(
                forebay_otlp::count_items(signal, &request).unwrap(),
                items as u64,
                "{signal}"
            );
            assert_eq!(
                walk::identities(signal, &request, &mut |_| {}).unwrap(),
                items as u64,
                "{signal}"
            );
        }
    }
}

#[test]
fn a_patched_template_carries_each_identity_once() {
    for signal in Signal::ALL {
        let template = Template::new(signal, 300, 3).unwrap();
        let mut out = BytesMut::from(&b"head"[..]);
        template.append(5, 4, &mut out);
        let mut seen = Vec::new();
        walk::identities(signal, &out[4..], &mut |id| seen.push(id.unwrap())).unwrap();
        let expected: Vec<_> = (1200..1500)
            .map(|number| Identity { generator: 5, number })
            .collect();
        assert_eq!(seen, expected, "{signal}");
    }
}

#[test]
fn a_patched_template_is_the_request_built_with_the_identities() {
    for signal in Signal::ALL {
        let mut out = BytesMut::new();
        Template::new(signal, 50, 9).unwrap().append(2, 3, &mut out);
        let built = Request::new(
            signal,
            50,
            9,
            Some(Identities {
                generator: 2,
                first: 150,
            }),
        )
        .protobuf();
        assert_eq!(out, built, "{signal}");
    }
}

#[test]
fn json_names_every_item() {
    for (signal, key) in [
        (Signal::Traces, "spanId"),
        (Signal::Logs, "spanId"),
        (Signal::Metrics, "asInt"),
    ] {
        let request = Request::new(
            signal,
            12,
            1,
            Some(Identities {
                generator: 1,
                first: 0,
            }),
        );
        let text = String::from_utf8(request.json()).unwrap();
        assert_eq!(text.matches(&format!("\"{key}\"")).count(), 12);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
