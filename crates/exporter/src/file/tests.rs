use super::config::{FileCompression, FileFormat};
use super::log::{Log, Storage, open};
use super::record::Encoder;
use super::recover::Found;
use crate::testing::{
    Rig, built, logs_request, metrics_request, payload, prepare, sliced, trace_payload, trace_request,
};
use bytes::Bytes;
use forebay_core::component::ExportError;
use forebay_core::{Payload, Signal};
use forebay_otlp::json;
use forebay_testkit::SimulatedClock;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::cell::{Cell, RefCell};
use std::io::{self, Cursor, Write};
use std::rc::Rc;
use std::time::Duration;
use tempfile::TempDir;

const JSON: Encoder = Encoder {
    format: FileFormat::Json,
    compression: FileCompression::None,
};
const ENCODERS: [Encoder; 4] = [
    JSON,
    Encoder {
        format: FileFormat::Proto,
        compression: FileCompression::None,
    },
    Encoder {
        format: FileFormat::Json,
        compression: FileCompression::Zstd,
    },
    Encoder {
        format: FileFormat::Proto,
        compression: FileCompression::Zstd,
    },
];

fn config(folder: &TempDir, name: &str, rest: &str) -> String {
    format!("path = \"{}/{name}\"\n{rest}", folder.path().display())
}

fn read(folder: &TempDir, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).unwrap()
}

/// The names in a folder, sorted.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn on(clock: &SimulatedClock, config: &str) -> Rig {
    Rig::with(built("file", config), clock.clock()).unwrap()
}

fn refusal(config: &str) -> String {
    let exporter = built("file", config);
    match Rig::with(exporter, forebay_core::Clock::system()) {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

/// The messages of the lines of a file, as prost reads their protobuf form.
fn traces_of_lines(text: &[u8]) -> Vec<ExportTraceServiceRequest> {
    assert!(text.is_empty() || text.ends_with(b"\n"));
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| json::to_protobuf(Signal::Traces, line, 1 << 20).unwrap())
        .map(|bytes| ExportTraceServiceRequest::decode(&*bytes).unwrap())
        .collect()
}

/// The messages of a file of messages behind their lengths.
fn traces_of_messages(mut bytes: &[u8]) -> Vec<ExportTraceServiceRequest> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (message, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        found.push(ExportTraceServiceRequest::decode(message).unwrap());
        bytes = rest;
    }
    assert!(bytes.is_empty());
    found
}

#[tokio::test]
async fn what_is_written_in_any_format_reads_back_as_it_was() {
    let requests = [trace_request(3), trace_request(1), trace_request(40)];
    for (format, compression) in [
        ("json", "none"),
        ("proto", "none"),
        ("json", "zstd"),
        ("proto", "zstd"),
    ] {
        let folder = TempDir::new().unwrap();
        let rest = format!("format = \"{format}\"\ncompression = \"{compression}\"");
        let rig = Rig::start("file", &config(&folder, "{signal}.out", &rest));
        for request in &requests {
            rig.send(Signal::Traces, sliced(request, 100)).await.unwrap();
        }
        let mut bytes = read(&folder, "traces.out");
        if compression == "zstd" {
            bytes = zstd::decode_all(&*bytes).unwrap();
        }
        let found = if format == "json" {
            traces_of_lines(&bytes)
        } else {
            traces_of_messages(&bytes)
        };
        assert_eq!(found, requests, "{rest}");
        rig.close().await;
        assert_eq!(names(&folder), ["logs.out", "metrics.out", "traces.out"]);
    }
}

#[tokio::test]
async fn json_of_all_signals_can_share_a_file() {
    let folder = TempDir::new().unwrap();
    let rig = Rig::start("file", &config(&folder, "all.jsonl", ""));
    rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
    rig.send(Signal::Metrics, payload(&metrics_request()))
        .await
        .unwrap();
    rig.send(Signal::Logs, payload(&logs_request())).await.unwrap();
    rig.close().await;
    let text = String::from_utf8(read(&folder, "all.jsonl")).unwrap();
    let keys: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| line.as_object().unwrap().keys().next().unwrap().clone())
        .collect();
    assert_eq!(keys, ["resourceSpans", "resourceMetrics", "resourceLogs"]);
}

#[tokio::test]
async fn a_file_that_is_there_is_continued_or_emptied() {
    let folder = TempDir::new().unwrap();
    for (append, expected) in [("true", 1), ("true", 2), ("false", 1)] {
        for compression in ["none", "zstd"] {
            let rest = format!("append = {append}\ncompression = \"{compression}\"");
            let name = format!("{compression}.jsonl");
            let rig = Rig::start("file", &config(&folder, &name, &rest));
            rig.send(Signal::Traces, trace_payload(2)).await.unwrap();
            rig.close().await;
            let mut bytes = read(&folder, &name);
            if compression == "zstd" {
                bytes = zstd::decode_all(&*bytes).unwrap();
            }
            assert_eq!(traces_of_lines(&bytes).len(), expected, "{rest}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_at_start() {
    let folder = TempDir::new().unwrap();
    let gone = refusal(&config(&folder, "gone/out.jsonl", ""));
    assert!(gone.contains("its directory does not exist"), "{gone}");
    let device = refusal("path = \"/dev/null\"");
    assert!(device.contains("is not a regular file"), "{device}");
    let rig = Rig::start("file", &config(&folder, "out.jsonl", ""));
    let second = refusal(&config(&folder, "out.jsonl", ""));
    assert!(second.contains("in use by another exporter"), "{second}");
    rig.close().await;
    std::fs::write(folder.path().join("notes.txt"), "dear diary").unwrap();
    let foreign = refusal(&config(&folder, "notes.txt", ""));
    assert!(foreign.contains("something else"), "{foreign}");
    assert_eq!(read(&folder, "notes.txt"), b"dear diary");
}

#[tokio::test]
async fn a_closed_exporter_lets_the_file_go() {
    let folder = TempDir::new().unwrap();
    let text = config(&folder, "out.jsonl", "");
    Rig::start("file", &text).close().await;
    Rig::start("file", &text).close().await;
}

#[tokio::test]
async fn an_unreadable_request_is_refused_for_good_as_json() {
    let folder = TempDir::new().unwrap();
    let rig = Rig::start("file", &config(&folder, "out.jsonl", ""));
    let broken = Bytes::from_static(b"\x0a\xff\xff");
    let outcome = rig.send(Signal::Traces, broken.into()).await;
    assert!(matches!(outcome, Err(ExportError::Permanent { .. })));
    rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
    rig.close().await;
    assert_eq!(traces_of_lines(&read(&folder, "out.jsonl")).len(), 1);
}

#[tokio::test]
async fn a_full_file_is_rotated_and_old_ones_are_deleted() {
    let folder = TempDir::new().unwrap();
    let clock = SimulatedClock::default();
    let rest = "rotation = { max_bytes = \"1KiB\", max_backups = 2 }";
    let rig = on(&clock, &config(&folder, "out.jsonl", rest));
    for spans in [2, 2, 2, 40, 2] {
        rig.send(Signal::Traces, trace_payload(spans)).await.unwrap();
    }
    rig.close().await;
    let names = names(&folder);
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(
        names[0], "out-2023-11-14T22-13-20.001.jsonl",
        "the oldest are gone"
    );
    let spans = |name: &str| -> Vec<usize> {
        let spans =
            |request: &ExportTraceServiceRequest| request.resource_spans[0].scope_spans[0].spans.len();
        traces_of_lines(&read(&folder, name)).iter().map(spans).collect()
    };
    let written: Vec<Vec<usize>> = names.iter().map(|name| spans(name)).collect();
    assert_eq!(
        written,
        [vec![2], vec![40], vec![2]],
        "a file is never larger than it may be, but for one request"
    );
}

#[tokio::test]
async fn an_old_file_is_rotated_and_backups_that_are_too_old_are_deleted() {
    let folder = TempDir::new().unwrap();
    let clock = SimulatedClock::default();
    let rest = "rotation = { interval = \"1h\", max_age = \"90m\" }";
    let rig = on(&clock, &config(&folder, "out.jsonl", rest));
    std::fs::write(folder.path().join("out-of-mine.jsonl"), "").unwrap();
    for _ in 0..4 {
        rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
        rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
        clock.advance(Duration::from_secs(3600));
    }
    rig.close().await;
    assert_eq!(
        names(&folder),
        [
            "out-2023-11-15T00-13-20.000.jsonl",
            "out-2023-11-15T01-13-20.000.jsonl",
            "out-of-mine.jsonl",
            "out.jsonl"
        ]
    );
    assert_eq!(traces_of_lines(&read(&folder, "out.jsonl")).len(), 2);
}

#[tokio::test]
async fn data_is_forced_to_the_disk_as_the_config_says() {
    for sync in ["always", "interval", "never"] {
        let folder = TempDir::new().unwrap();
        let clock = SimulatedClock::default();
        let rig = on(
            &clock,
            &config(&folder, "out.jsonl", &format!("sync = \"{sync}\"")),
        );
        rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
        if sync == "interval" {
            clock.skip_to_next().await;
        }
        rig.send(Signal::Traces, trace_payload(1)).await.unwrap();
        rig.close().await;
        assert_eq!(traces_of_lines(&read(&folder, "out.jsonl")).len(), 2, "{sync}");
    }
}

/// A file in memory with room for so many bytes, that may refuse to be cut.
#[derive(Clone, Default)]
struct SmallDisk {
    bytes: Rc<RefCell<Vec<u8>>>,
    room: Rc<Cell<usize>>,
    cannot_cut: Rc<Cell<bool>>,
}

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.bytes.borrow_mut();
        let fitting = bytes.len().min(self.room.get() - written.len());
        if fitting == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        written.extend_from_slice(&bytes[..fitting]);
        Ok(fitting)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Storage for SmallDisk {
    fn cut(&self, length: u64) -> io::Result<()> {
        if self.cannot_cut.get() {
            return Err(io::Error::other("broken"));
        }
        self.bytes.borrow_mut().truncate(length as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn of_a_record_that_does_not_fit_nothing_stays() {
    let disk = SmallDisk::default();
    disk.room.set(10);
    let mut log = Log::new(disk.clone(), 0);
    let record = [Bytes::from_static(b"abc"), Bytes::from_static(b"def")];
    log.append(&record, 6).unwrap();
    assert_eq!(
        log.append(&record, 6).unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert_eq!((&disk.bytes.borrow()[..], log.length()), (&b"abcdef"[..], 6));
    disk.room.set(100);
    log.append(&record, 6).unwrap();
    assert_eq!(&disk.bytes.borrow()[..], b"abcdefabcdef");
}

#[test]
fn what_could_not_be_cut_off_is_cut_off_before_the_next_record() {
    let disk = SmallDisk::default();
    disk.room.set(4);
    disk.cannot_cut.set(true);
    let mut log = Log::new(disk.clone(), 0);
    let record = [Bytes::from_static(b"abcdef")];
    assert!(log.append(&record, 6).is_err());
    disk.room.set(100);
    assert_eq!(log.append(&record, 6).unwrap_err().to_string(), "broken");
    assert_eq!(
        &disk.bytes.borrow()[..],
        b"abcd",
        "nothing is written behind a torn record"
    );
    disk.cannot_cut.set(false);
    log.append(&record, 6).unwrap();
    assert_eq!(&disk.bytes.borrow()[..], b"abcdef");
    log.take_back(6);
    assert_eq!((disk.bytes.borrow().len(), log.length()), (0, 0));
}

/// Three records, and where each ends.
fn records(encoder: Encoder) -> (Vec<u8>, Vec<u64>) {
    let (mut bytes, mut ends) = (Vec::new(), vec![0]);
    for spans in [1, 5, 2] {
        let request = forebay_core::component::Request {
            signal: Signal::Traces,
            payload: trace_payload(spans),
            items: spans as u64,
        };
        let (record, _): (Payload, usize) = encoder.record(&request).unwrap();
        bytes.extend_from_slice(&record.contiguous());
        ends.push(bytes.len() as u64);
    }
    (bytes, ends)
}

#[test]
fn property_a_file_that_breaks_off_anywhere_ends_after_its_last_whole_record() {
    for encoder in ENCODERS {
        let (bytes, ends) = records(encoder);
        for length in 0..=bytes.len() {
            let found = encoder
                .recover(Cursor::new(&bytes[..length]), length as u64)
                .unwrap();
            let expected = *ends.iter().rfind(|end| **end <= length as u64).unwrap();
            assert_eq!(found, Found::Records(expected), "{encoder:?} {length}");
        }
    }
}

#[test]
fn frames_of_all_block_kinds_are_walked() {
    let encoder = ENCODERS[3];
    let contents: [Vec<u8>; 4] = [
        Vec::new(),
        vec![b'a'; 1 << 20],
        (0..400_000_u32)
            .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect(),
        b"short".to_vec(),
    ];
    let mut bytes = Vec::new();
    for content in &contents {
        bytes.extend(zstd::bulk::compress(content, 3).unwrap());
        let mut stream = zstd::Encoder::new(&mut bytes, 1).unwrap();
        stream.include_checksum(true).unwrap();
        stream.write_all(content).unwrap();
        stream.finish().unwrap();
    }
    let length = bytes.len() as u64;
    assert_eq!(
        encoder.recover(Cursor::new(&bytes), length).unwrap(),
        Found::Records(length)
    );
}

#[test]
fn an_unfinished_record_is_cut_off_at_start() {
    for encoder in ENCODERS {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("out");
        let (bytes, ends) = records(encoder);
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let log = open(&path, true, encoder).unwrap();
        assert_eq!(log.length(), ends[2]);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), ends[2]);
    }
}

#[test]
fn wrong_configs_are_refused_with_advice() {
    let message = |config: &str| prepare("file", config).unwrap_err()[0].message.clone();
    assert!(message("path = \"/tmp/\"").contains("names no file"));
    assert!(message("path = \"/tmp/x\"\nformat = \"proto\"").contains("told apart"));
    assert!(message("path = \"/tmp/x\"\nsync_interval = \"1ms\"").contains("sync_interval"));
    assert!(message("path = \"/tmp/x\"\nrotation.max_bytes = 5").contains("max_bytes"));
    assert!(message("path = \"/tmp/x\"\nrotation.interval = \"1ms\"").contains("interval"));
}
