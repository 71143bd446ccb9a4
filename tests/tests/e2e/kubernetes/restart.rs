//! A process that ends and is started again while a sender goes on.

use super::{BY_UID, config_of, export, named, readiness, resources, texts, until_said};
use crate::support::{Client, Export, Forebay, PATIENCE, Sink, eventually};
use forebay_core::Signal;
use forebay_testkit::kubernetes::{FakeCluster, PodSpec, uid};
use forebay_testkit::own_address;
use std::net::SocketAddr;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a process ends.
#[derive(Clone, Copy)]
enum End {
    /// By SIGTERM: it is asked to.
    Asked,
    /// By SIGKILL: it is not.
    Killed,
}

impl End {
    async fn come(self, forebay: Forebay) {
        match self {
            End::Asked => {
                forebay.terminate();
                let ended = forebay.end().await;
                assert_eq!(ended.status.code(), Some(0), "{ended:?}");
            }
            End::Killed => drop(forebay),
        }
    }
}

/// A sender that tries each request until it is taken, and then sends the next one.
struct Sender {
    stop: watch::Sender<bool>,
    taken: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

impl Sender {
    fn start(server: SocketAddr) -> Sender {
        let (stop, stopped) = watch::channel(false);
        let (acknowledge, taken) = watch::channel(0);
        let task = tokio::spawn(async move {
            let client = Client::grpc(server);
            for number in 1.. {
                if *stopped.borrow() {
                    return;
                }
                let request = export(Signal::Logs, number, texts(&[("k8s.pod.uid", &uid(1, 1))]));
                client.send_until_taken(&request).await;
                acknowledge.send_replace(number);
            }
        });
        Sender { stop, taken, task }
    }

    /// Waits until so many more requests have been taken.
    async fn go_on(&mut self, requests: u64) {
        let enough = *self.taken.borrow() + requests;
        let waiting = tokio::time::timeout(PATIENCE, self.taken.wait_for(|taken| *taken >= enough));
        let taken = waiting.await.map(|taken| *taken.unwrap());
        assert!(
            taken.is_ok(),
            "not within {PATIENCE:?}: {enough} requests are taken"
        );
    }

    /// Sends no more; how many requests were taken in all.
    async fn finish(self) -> u64 {
        self.stop.send_replace(true);
        self.task.await.unwrap();
        *self.taken.borrow()
    }
}

/// A receiver on an address of this machine that no other test uses: its port is not given to others while nobody listens.
fn receiver(address: SocketAddr) -> String {
    format!("[receivers.otlp]\ngrpc.listen = \"{address}\"\nhttp.listen = \"127.0.0.1:0\"\n")
}

/// What the resource of a request says, apart from the uid.
fn said(request: &Export) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    let mut request = request.clone();
    let resource = resources(&mut request).remove(0).take().unwrap();
    resource.attributes.into_iter().skip(1).collect()
}

async fn ends_and_is_started_again(end: End) {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.put("pods", PodSpec::new("shop", "web", 1).object());
    let sink = Sink::start();
    let config = |address| {
        let keys = format!("auth_type = \"none\"\n{BY_UID}");
        config_of(&receiver(address), &cluster, &sink, &keys)
    };
    let first = Forebay::start(&config((own_address(), 0).into())).await;
    let address = first.grpc();
    let mut sender = Sender::start(address);
    sender.go_on(20).await;

    // The cluster is not there when the process comes back: whatever it took in now would have no attributes.
    cluster.go_away();
    end.come(first).await;
    let second = Forebay::start(&config(address)).await;
    until_said(&second, "the API server does not tell of pods (unreachable").await;
    assert_eq!(readiness(&second).await, 503);
    cluster.come_back();
    sender.go_on(20).await;
    eventually("it is ready", async || readiness(&second).await == 200).await;

    let sent = sender.finish().await;
    sink.read(|taken| {
        let missing = (1..=sent).find(|number| !taken.items.contains_key(&(Signal::Logs, *number)));
        assert_eq!(missing, None, "of {sent}");
        let bare = taken
            .requests
            .iter()
            .find(|request| said(request) != named("web"));
        assert_eq!(bare, None, "without attributes");
    });
}

#[tokio::test]
async fn a_process_that_is_asked_to_end_and_starts_again_leaves_nothing_without_attributes() {
    ends_and_is_started_again(End::Asked).await;
}

#[tokio::test]
async fn a_process_that_is_killed_and_starts_again_leaves_nothing_without_attributes() {
    ends_and_is_started_again(End::Killed).await;
}
