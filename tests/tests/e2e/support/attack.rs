//! Requests that mean no good: small on the wire and large behind it, deep, cut off, or wrong in other ways.

use bytes::Bytes;
use flate2::write::{GzEncoder, ZlibEncoder};
use forebay_core::Signal;
use forebay_testkit::requests::attribute;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use std::io::Write;

/// The most bytes of a request that a receiver takes, if it is not told otherwise.
pub(crate) const LIMIT: usize = 64 << 20;
const MIB: usize = 1 << 20;

/// What a sender must be told, so that a good one would do the right thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// `INVALID_ARGUMENT` with a `BadRequest`; 400.
    Malformed,
    /// `RESOURCE_EXHAUSTED` without a delay; 413.
    TooLarge,
    /// Success, with so many items rejected.
    Taken { rejected: u64 },
}

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
    Deflate,
}

impl Encoding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
            Encoding::Deflate => "deflate",
        }
    }
}

/// One such request.
#[derive(Clone, Debug)]
pub(crate) struct Attack {
    pub(crate) name: String,
    pub(crate) signal: Signal,
    /// As it is on the wire, without framing.
    pub(crate) body: Bytes,
    pub(crate) encoding: Encoding,
    /// Sent over HTTP only.
    pub(crate) json: bool,
    /// What gRPC's prefix says in the place of the length; sent over gRPC only.
    pub(crate) announced: Option<u32>,
    pub(crate) verdict: Verdict,
}

impl Attack {
    fn new(name: impl Into<String>, signal: Signal, body: impl Into<Bytes>, verdict: Verdict) -> Attack {
        Attack {
            name: name.into(),
            signal,
            body: body.into(),
            encoding: Encoding::Identity,
            json: false,
            announced: None,
            verdict,
        }
    }

    fn json(name: &str, text: String) -> Attack {
        Attack {
            json: true,
            ..Attack::new(name, Signal::Logs, text, Verdict::Malformed)
        }
    }

    /// The same in another encoding.
    fn encoded(mut self, encoding: Encoding, body: Vec<u8>) -> Attack {
        self.name += &format!(" in {}", encoding.name());
        Attack {
            encoding,
            body: body.into(),
            ..self
        }
    }
}

/// All of them. `every_size` is for a server and a test that are built to be fast.
pub(crate) fn all(every_size: bool) -> Vec<Attack> {
    let mut all = empty_messages(4 * MIB, &[Encoding::Identity, Encoding::Gzip, Encoding::Zstd]);
    if every_size {
        all.extend(empty_messages(
            20 * MIB,
            &[Encoding::Identity, Encoding::Gzip, Encoding::Zstd],
        ));
        all.extend(empty_messages(
            LIMIT - 64,
            &[Encoding::Identity, Encoding::Gzip, Encoding::Zstd],
        ));
    } else {
        all.extend(empty_messages(20 * MIB, &[Encoding::Zstd]).into_iter().take(1));
        all.extend(
            empty_messages(LIMIT - 64, &[Encoding::Zstd])
                .into_iter()
                .skip(1)
                .take(1),
        );
    }
    all.extend(bombs());
    all.extend(deep());
    all.extend(broken());
    all.extend(bad_items());
    all
}

/// Those that are small on the wire: many of them can be sent at once without the sender being what is busy.
pub(crate) fn small(every_size: bool) -> Vec<Attack> {
    let mut small = all(every_size);
    small.retain(|attack| attack.body.len() <= 4 * MIB);
    small
}

/// `size` bytes of nothing but empty messages, in each of these encodings.
fn empty_messages(size: usize, encodings: &[Encoding]) -> Vec<Attack> {
    // The fields from the empty message to the request.
    let kinds: [(&str, Signal, &[u8]); 3] = [
        ("spans", Signal::Traces, &[2, 2, 1]),
        ("attributes", Signal::Traces, &[9, 2, 2, 1]),
        ("data points", Signal::Metrics, &[1, 5, 2, 2, 1]),
    ];
    let mut attacks = Vec::new();
    for (what, signal, path) in kinds {
        let (element, around) = path.split_first().unwrap();
        let body = wrapped(around, [element << 3 | 2, 0].repeat(size / 2));
        let name = format!("{} MiB of empty {what}", size.div_ceil(MIB));
        let plain = Attack::new(name, signal, Bytes::new(), Verdict::Malformed);
        for &encoding in encodings {
            let wire = match encoding {
                Encoding::Gzip => gzip(&body),
                Encoding::Zstd => zstd::encode_all(&body[..], 1).unwrap(),
                _ => body.clone(),
            };
            attacks.push(plain.clone().encoded(encoding, wire));
        }
    }
    attacks
}

/// Kilobytes that become gigabytes, and frames that ask for more memory than there is.
fn bombs() -> Vec<Attack> {
    let zeros = vec![0; MIB];
    let bomb = Attack::new("a bomb", Signal::Logs, Bytes::new(), Verdict::TooLarge);
    let mut deflate = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(&zeros).unwrap();
    deflate.flush().unwrap();
    let once = deflate.get_ref().len();
    deflate.write_all(&zeros).unwrap();
    deflate.flush().unwrap();
    // After a flush blocks stand on their own bytes; what they refer to are zeros before, of which there are enough.
    let again = deflate.get_ref()[once..].repeat(200);
    let deflate = [&deflate.get_ref()[..once], &again].concat();
    vec![
        bomb.clone().encoded(Encoding::Gzip, gzip(&zeros).repeat(1024)),
        bomb.clone().encoded(Encoding::Zstd, zstd_of_zeros(1 << 13)),
        bomb.encoded(Encoding::Deflate, deflate),
        Attack::new(
            "a window of 2 GiB",
            Signal::Logs,
            Bytes::new(),
            Verdict::Malformed,
        )
        .encoded(Encoding::Zstd, vec![0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0]),
        Attack::new("half of a body", Signal::Logs, Bytes::new(), Verdict::Malformed)
            .encoded(Encoding::Gzip, gzip(&zeros)[..100].to_vec()),
    ]
}

/// Messages inside messages, a hundred thousand deep.
fn deep() -> Vec<Attack> {
    const DEPTH: usize = 100_000;
    // A log record's body: a value that is a list of a value that is ...
    let mut inner = Vec::new();
    let mut length = 0;
    for level in 0..DEPTH {
        let mut field = vec![if level % 2 == 0 { 0x0a } else { 0x2a }];
        prost::encoding::encode_varint(length, &mut field);
        length += field.len() as u64;
        field.reverse();
        inner.extend(field);
    }
    inner.reverse();
    let text = |before: &str, again: &str| format!("{before}{}", again.repeat(DEPTH));
    let records = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"#;
    vec![
        Attack::new(
            "deep",
            Signal::Logs,
            wrapped(&[5, 2, 2, 1], inner),
            Verdict::Malformed,
        ),
        Attack::json(
            "deep lists in JSON",
            text(&format!("{records}\"body\":{{"), r#""arrayValue":{"values":[{"#),
        ),
        Attack::json("a deep unknown field in JSON", text("{\"unknown\":", "[")),
        Attack::json("deep unknown objects in JSON", text("{\"unknown\":", r#"{"a":"#)),
    ]
}

/// Bytes that are no message.
fn broken() -> Vec<Attack> {
    let good = good_spans(100);
    let attack = |name, body: Vec<u8>| Attack::new(name, Signal::Traces, body, Verdict::Malformed);
    let mut announced = attack("a prefix that announces more than comes", good.clone());
    announced.announced = Some(good.len() as u32 + 1000);
    let mut enormous = attack("a prefix of 4 GiB", good.clone());
    enormous.announced = Some(u32::MAX);
    enormous.verdict = Verdict::TooLarge;
    let name = |name: &[u8]| wrapped(&[5, 2, 2, 1], name.to_vec());
    vec![
        attack("cut off", good[..good.len() / 2].to_vec()),
        attack(
            "a length beyond the end",
            [&[0x0a, 0xff, 0xff, 0xff, 0x7f], &good[..]].concat(),
        ),
        attack("a length of 2^63", [&[0x0a][..], &[0xff; 8], &[0x7f]].concat()),
        attack("a length without an end", [&[0x0a][..], &[0xff; 100]].concat()),
        attack("a group", vec![0x0b, 0x0c]),
        attack("no UTF-8", name(b"caf\xe9")),
        attack("half a surrogate pair", name(b"\xed\xa0\x80")),
        Attack::json(
            "half a surrogate pair in JSON",
            r#"{"resourceLogs":[{"schemaUrl":"\ud800"}]}"#.into(),
        ),
        Attack::json("no JSON", "{\"resourceLogs\":[}".into()),
        announced,
        enormous,
    ]
}

/// Messages that can be read, with items that cannot be taken, and with more than anybody needs.
fn bad_items() -> Vec<Attack> {
    let short = |index: usize| Span {
        trace_id: vec![1; if index < 7 { 3 } else { 16 }],
        span_id: vec![2; 8],
        ..Span::default()
    };
    let crowded = Span {
        attributes: (0..1_000_000).map(|_| attribute("a", "b")).collect(),
        ..short(7)
    };
    vec![
        Attack::new(
            "trace ids of 3 bytes",
            Signal::Traces,
            spans((0..10).map(short).collect()),
            Verdict::Taken { rejected: 7 },
        ),
        Attack::new(
            "a million attributes",
            Signal::Traces,
            spans(vec![crowded]),
            Verdict::Taken { rejected: 0 },
        ),
        Attack::new(
            "larger than the limit",
            Signal::Traces,
            Bytes::new(),
            Verdict::TooLarge,
        )
        .encoded(
            Encoding::Zstd,
            zstd::encode_all(&vec![0x0a; LIMIT + 1][..], 1).unwrap(),
        ),
    ]
}

fn good_spans(count: usize) -> Vec<u8> {
    let span = |index: usize| Span {
        trace_id: vec![1; 16],
        span_id: (index as u64 + 1).to_be_bytes().to_vec(),
        name: "good".into(),
        ..Span::default()
    };
    spans((0..count).map(span).collect())
}

fn spans(spans: Vec<Span>) -> Vec<u8> {
    let scope = ScopeSpans {
        spans,
        ..ScopeSpans::default()
    };
    let resource = ResourceSpans {
        scope_spans: vec![scope],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![resource],
    };
    request.encode_to_vec()
}

/// `body` as the length-delimited field `path[0]`, and that as `path[1]`, and so on.
fn wrapped(path: &[u8], mut body: Vec<u8>) -> Vec<u8> {
    for number in path {
        let mut outer = vec![number << 3 | 2];
        prost::encoding::encode_varint(body.len() as u64, &mut outer);
        outer.extend(body);
        body = outer;
    }
    body
}

/// Gzip of a member for each MiB, those of equal content compressed once: this test's own compressor is not built to be fast.
fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last: Option<(&[u8], Vec<u8>)> = None;
    for part in body.chunks(MIB) {
        let member = match last.take() {
            Some((same, member)) if same == part => member,
            _ => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(part).unwrap();
                encoder.finish().unwrap()
            }
        };
        out.extend(&member);
        last = Some((part, member));
    }
    out
}

/// A frame of so many blocks of 128 KiB, each of them one byte, many times (RFC 8878, section 3.1.1.2.3).
fn zstd_of_zeros(blocks: usize) -> Vec<u8> {
    // No single segment, no content size; a window of 8 MiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3];
    let block = |last: u32| {
        let header = last | 1 << 1 | (128 << 10) << 3;
        [&header.to_le_bytes()[..3], &[0]].concat()
    };
    frame.extend(block(0).repeat(blocks - 1));
    frame.extend(block(1));
    frame
}
