use super::body::Outgoing;
use super::endpoint::{Endpoint, Target};
use bytes::{Buf, Bytes};
use std::io::IoSlice;

fn endpoint(text: &str) -> Result<Endpoint, String> {
    text.parse()
}

fn tcp(host: &str, port: u16) -> Target {
    Target::Tcp {
        host: host.to_owned(),
        port,
    }
}

#[test]
fn endpoints_are_read() {
    for (text, target, path) in [
        ("http://localhost", tcp("localhost", 9), ""),
        ("http://localhost:4317", tcp("localhost", 4317), ""),
        ("http://localhost:4317/", tcp("localhost", 4317), ""),
        ("http://10.0.0.1:80/a/b/", tcp("10.0.0.1", 80), "/a/b"),
        ("http://[::1]:4317", tcp("::1", 4317), ""),
        ("http://[fe80::1]", tcp("fe80::1", 9), ""),
        ("unix:///run/a.sock", Target::Unix("/run/a.sock".into()), ""),
        ("unix:/run/a.sock", Target::Unix("/run/a.sock".into()), ""),
    ] {
        let read = endpoint(text).unwrap();
        assert_eq!((read.target(9), read.path()), (target, path), "{text}");
        assert_eq!(read.to_string(), text);
    }
}

#[test]
fn what_is_no_endpoint_is_refused() {
    for text in [
        "",
        "localhost",
        "localhost:4317",
        "grpc://a:1",
        "http://",
        "http://:1",
        "http://a:",
        "http://a:0",
        "http://a:65536",
        "http://a:x",
        "http://a b",
        "http://u:p@a",
        "http://a?x",
        "unix://run/a.sock",
        "unix:",
        "unix:///",
        "https://a:4317",
    ] {
        assert!(endpoint(text).is_err(), "{text}");
    }
}

#[test]
fn an_authority_has_brackets_where_it_needs_them() {
    assert_eq!(tcp("::1", 4317).authority().unwrap().as_str(), "[::1]:4317");
    assert_eq!(tcp("host", 1).authority().unwrap().as_str(), "host:1");
    assert_eq!(
        Target::Unix("/x".into()).authority().unwrap().as_str(),
        "localhost"
    );
}

fn random_slices(random: &mut fastrand::Rng) -> Vec<Bytes> {
    let count = random.usize(0..6);
    (0..count)
        .map(|_| (0..random.usize(0..9)).map(|_| random.u8(..)).collect())
        .collect()
}

/// Reads `body` to its end in random steps, by single chunks or vectored, checking each step against `rest`.
fn drain(mut body: Outgoing, mut rest: &[u8], random: &mut fastrand::Rng) {
    loop {
        assert_eq!(body.remaining(), rest.len());
        assert!(rest.starts_with(body.chunk()));
        assert_eq!(body.chunk().is_empty(), rest.is_empty());
        let mut slots = [IoSlice::new(&[]); 4];
        let filled = body.chunks_vectored(&mut slots);
        let seen: Vec<u8> = slots[..filled].iter().flat_map(|slot| slot.to_vec()).collect();
        assert!(rest.starts_with(&seen));
        assert_eq!(seen.is_empty(), rest.is_empty());
        if rest.is_empty() {
            return;
        }
        let step = random.usize(0..=seen.len());
        body.advance(step);
        rest = &rest[step..];
    }
}

#[test]
fn property_a_body_is_its_prefix_and_slices_in_any_steps() {
    for seed in 0..2000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let slices = random_slices(&mut random);
        let whole = slices.concat();
        drain(Outgoing::plain(&slices), &whole, &mut random);
        let compressed = random.bool();
        let mut framed = vec![u8::from(compressed)];
        framed.extend_from_slice(&u32::try_from(whole.len()).unwrap().to_be_bytes());
        framed.extend_from_slice(&whole);
        drain(
            Outgoing::message(&slices, compressed).unwrap(),
            &framed,
            &mut random,
        );
    }
}

#[test]
fn nothing_is_read_past_the_end() {
    let mut body = Outgoing::plain(&[Bytes::from_static(b"abc")]);
    body.advance(9);
    assert_eq!((body.remaining(), body.chunk()), (0, &b""[..]));
}
