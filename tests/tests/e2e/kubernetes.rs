//! `k8s_attributes` in the built binary, against an API server that speaks the real protocol.

mod attributes;

use crate::support::Sink;
use crate::support::forebay::{ADMIN, RECEIVER};
use forebay_testkit::kubernetes::FakeCluster;

/// A gateway that asks this cluster, with these keys of the processor.
fn config(cluster: &FakeCluster, sink: &Sink, keys: &str) -> String {
    format!(
        "{ADMIN}{RECEIVER}
        [processors.pods]
        type = \"k8s_attributes\"
        auth_type = \"none\"
        api_server = \"{}\"
        {keys}
        [exporters.backend]
        type = \"otlp_grpc\"
        endpoint = \"http://{}\"
        [pipelines.all]
        from = [\"otlp\"]
        via = [\"pods\"]
        to = [\"backend\"]",
        cluster.url(),
        sink.grpc()
    )
}
