//! Reflection, as grpcurl uses it.

use super::client::{Ends, call_stream, open_stream};
use super::rig::*;
use forebay_core::{Phase, Signal, SignalSet};
use forebay_transport::status::Status;
use prost::Message;
use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};
use prost_reflect::{DescriptorPool, DynamicMessage};
use std::path::Path;
use tonic::Code;

const V1: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const ALPHA: &str = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

/// The set that `descriptors.bin` is to hold.
fn compiled() -> FileDescriptorSet {
    let mut all = FileDescriptorSet::decode(opentelemetry_proto::DESCRIPTORS).unwrap();
    all.file
        .retain(|file| !file.name().contains("profiles") && !file.name().contains("tracez"));
    let ours = [
        "grpc/health/v1/health.proto",
        "grpc/reflection/v1/reflection.proto",
        "grpc/reflection/v1alpha/reflection.proto",
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let mut compiler = protox::Compiler::new([root]).unwrap();
    compiler.include_source_info(false).open_files(ours).unwrap();
    all.file.extend(compiler.file_descriptor_set().file);
    for file in &mut all.file {
        file.source_code_info = None;
    }
    all
}

/// To write the file anew: `FOREBAY_BLESS=1 cargo test -p forebay-receiver reflection`.
#[test]
fn the_declarations_are_those_of_the_proto_files() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/otlp/reflection/descriptors.bin");
    let compiled = compiled().encode_to_vec();
    if std::env::var_os("FOREBAY_BLESS").is_some() {
        std::fs::write(&path, &compiled).unwrap();
    }
    assert!(
        std::fs::read(&path).unwrap() == compiled,
        "{} is old",
        path.display()
    );
    assert!(compiled.len() < 20_000, "{} bytes in the binary", compiled.len());
}

fn pool() -> DescriptorPool {
    DescriptorPool::from_file_descriptor_set(compiled()).unwrap()
}

fn request(fields: &str) -> Vec<u8> {
    let descriptor = pool()
        .get_message_by_name("grpc.reflection.v1.ServerReflectionRequest")
        .unwrap();
    let mut json = serde_json::Deserializer::from_str(fields);
    DynamicMessage::deserialize(descriptor, &mut json)
        .unwrap()
        .encode_to_vec()
}

fn response(bytes: &[u8]) -> serde_json::Value {
    let descriptor = pool()
        .get_message_by_name("grpc.reflection.v1.ServerReflectionResponse")
        .unwrap();
    serde_json::to_value(DynamicMessage::decode(descriptor, bytes).unwrap()).unwrap()
}

fn reflecting() -> Setup {
    Setup::configured(|config| config.grpc.reflection = true)
}

/// Asks one question after the other on one stream.
async fn ask(rig: &Rig, path: &str, questions: &[&str]) -> (Vec<serde_json::Value>, Status) {
    let requests: Vec<_> = questions.iter().map(|question| request(question)).collect();
    let (answers, status) = call_stream(rig.grpc, path, &requests).await;
    (answers.iter().map(|answer| response(answer)).collect(), status)
}

/// The names of the files in an answer.
async fn files(rig: &Rig, question: &str) -> Vec<String> {
    let (answers, _) = call_stream(rig.grpc, V1, &[request(question)]).await;
    let descriptor = pool()
        .get_message_by_name("grpc.reflection.v1.ServerReflectionResponse")
        .unwrap();
    let answer = DynamicMessage::decode(descriptor, &*answers[0]).unwrap();
    let found = answer.get_field_by_name("file_descriptor_response").unwrap();
    let list = found
        .as_message()
        .unwrap()
        .get_field_by_name("file_descriptor_proto")
        .unwrap();
    let bytes = list.as_list().unwrap().iter();
    bytes
        .map(|file| {
            FileDescriptorProto::decode(&**file.as_bytes().unwrap())
                .unwrap()
                .name()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn the_services_are_listed_in_both_versions() {
    let mut setup = reflecting();
    setup.accepts = SignalSet::of(Signal::Logs);
    let rig = setup.start();
    for path in [V1, ALPHA] {
        let (answers, status) = ask(&rig, path, &[r#"{"listServices": "*"}"#]).await;
        assert_eq!(status.code, Code::Ok);
        assert_eq!(answers[0]["originalRequest"]["listServices"], "*");
        let services = answers[0]["listServicesResponse"]["service"].as_array().unwrap();
        let names: Vec<_> = services
            .iter()
            .map(|service| service["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "opentelemetry.proto.collector.logs.v1.LogsService",
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
            ]
        );
    }
}

#[tokio::test]
async fn every_declared_name_leads_to_its_file_and_what_it_needs() {
    let rig = reflecting().start();
    let metrics = "opentelemetry/proto/metrics/v1/metrics.proto";
    for symbol in [
        "opentelemetry.proto.metrics.v1.Metric",
        "opentelemetry.proto.metrics.v1.SummaryDataPoint.ValueAtQuantile",
        "opentelemetry.proto.metrics.v1.Metric.unit",
        "opentelemetry.proto.metrics.v1.Metric.data",
        "opentelemetry.proto.metrics.v1.AggregationTemporality",
        "opentelemetry.proto.metrics.v1.AGGREGATION_TEMPORALITY_DELTA",
    ] {
        let names = files(&rig, &format!(r#"{{"fileContainingSymbol": "{symbol}"}}"#)).await;
        assert_eq!(names[0], metrics, "{symbol}");
        assert!(
            names.iter().any(|name| name.ends_with("common.proto")),
            "{names:?}"
        );
    }
    for symbol in ["grpc.health.v1.Health", "grpc.health.v1.Health.Watch"] {
        let names = files(&rig, &format!(r#"{{"fileContainingSymbol": "{symbol}"}}"#)).await;
        assert_eq!(names, ["grpc/health/v1/health.proto"]);
    }
    let by_name = files(&rig, &format!(r#"{{"fileByFilename": "{metrics}"}}"#)).await;
    assert_eq!(by_name[0], metrics);
}

#[tokio::test]
async fn what_is_not_there_is_an_answer_and_the_stream_goes_on() {
    let rig = reflecting().start();
    let questions = [
        r#"{"fileContainingSymbol": "opentelemetry.proto.metrics.v1.Metrics"}"#,
        r#"{"fileByFilename": "a.proto"}"#,
        r#"{"allExtensionNumbersOfType": "opentelemetry.proto.metrics.v1.Metric"}"#,
        r#"{"host": "localhost"}"#,
        r#"{"listServices": ""}"#,
    ];
    let (answers, status) = ask(&rig, V1, &questions).await;
    assert_eq!(status.code, Code::Ok);
    let codes: Vec<_> = answers
        .iter()
        .map(|answer| answer["errorResponse"]["errorCode"].as_i64())
        .collect();
    assert_eq!(codes, [Some(5), Some(5), Some(5), Some(3), None]);
}

#[tokio::test]
async fn what_is_no_question_ends_the_stream() {
    let rig = reflecting().start();
    let (answers, status) = call_stream(rig.grpc, V1, &[vec![0xff]]).await;
    assert!(answers.is_empty());
    assert_eq!(status.code, Code::InvalidArgument);
    let (_, status) = call_stream(rig.grpc, V1, &[vec![0; 5000]]).await;
    assert_eq!(status.code, Code::ResourceExhausted);
}

#[tokio::test]
async fn reflection_is_off_unless_asked_for_and_ends_with_the_process() {
    let rig = Rig::start();
    let (_, status) = call_stream(rig.grpc, V1, &[]).await;
    assert_eq!(status.code, Code::Unimplemented);

    let rig = reflecting().start();
    let mut stream = open_stream(rig.grpc, V1, &[request(r#"{"listServices": ""}"#)], Ends::No).await;
    stream.next().await.unwrap();
    rig.shutdown.advance(Phase::Draining);
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.status().code, Code::Unavailable);
    rig.run.await.unwrap().unwrap();
}
