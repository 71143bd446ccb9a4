//! Passes a message on, in one of the execution models.

use super::codec::Raw;
use super::{Model, Options, Work};
use crate::Result;
use crate::compression::Compression;
use crate::sink;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use forebay_otlp::Signal;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::uri::PathAndQuery;
use tokio::sync::{mpsc, oneshot};
use tonic::codec::CompressionEncoding;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Requests in a channel at most, and calls that a queue's task runs at once.
const DEPTH: usize = 1024;
const WINDOW: u32 = 8 << 20;
const FRAME: u32 = 1 << 20;
pub(super) const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// The client.
#[derive(Clone)]
pub(super) struct Upstream {
    client: tonic::client::Grpc<Channel>,
}

impl Upstream {
    pub(super) fn new(to: &str, options: &Options) -> Result<Upstream> {
        let address = to.trim_start_matches("http://");
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(FRAME)
            .tcp_nodelay(true)
            .connect_lazy();
        let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        client = match options.compression {
            Compression::None => client,
            Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
            Compression::Zstd => client.send_compressed(CompressionEncoding::Zstd),
        };
        Ok(Upstream { client })
    }

    async fn send(mut self, signal: Signal, message: Bytes) -> Result<Bytes, Status> {
        self.client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let path = PathAndQuery::from_static(sink::path(signal, true));
        Ok(self
            .client
            .unary(Request::new(message), path, Raw)
            .await?
            .into_inner())
    }
}

/// A message handed over, and where its result is awaited.
pub(super) struct Job<R> {
    signal: Signal,
    message: Bytes,
    reply: oneshot::Sender<R>,
}

type Counted = Result<Bytes, Status>;

/// The way from the server to the client.
#[derive(Clone)]
pub(super) enum Forward {
    Inline {
        upstream: Upstream,
        work: Work,
    },
    Worker {
        upstream: Upstream,
        jobs: Sender<Job<Counted>>,
    },
    Queue {
        edge: mpsc::Sender<Job<Result<Bytes, Status>>>,
        work: Work,
    },
}

impl Forward {
    /// Starts what the model needs; workers and tasks end when the last clone is dropped.
    pub(super) fn new(upstream: Upstream, options: &Options) -> Result<Forward> {
        let work = options.work;
        Ok(match options.model {
            Model::Inline | Model::PerCore => Forward::Inline { upstream, work },
            Model::Worker => {
                let (jobs, queue) = crossbeam_channel::bounded(DEPTH);
                for _ in 0..options.threads.max(1) {
                    let queue = queue.clone();
                    std::thread::Builder::new()
                        .name("worker".to_owned())
                        .spawn(move || run_worker(&queue, work))?;
                }
                Forward::Worker { upstream, jobs }
            }
            Model::Queue => {
                let (edge, queue) = mpsc::channel(DEPTH);
                tokio::spawn(run_edge(queue, upstream));
                Forward::Queue { edge, work }
            }
        })
    }

    pub(super) async fn forward(self, signal: Signal, message: Bytes) -> Result<Bytes, Status> {
        let (reply, result) = oneshot::channel();
        match self {
            Forward::Inline { upstream, work } => {
                let message = do_work(work, signal, message)?;
                upstream.send(signal, message).await
            }
            Forward::Worker { upstream, jobs } => {
                jobs.try_send(Job {
                    signal,
                    message,
                    reply,
                })
                .map_err(|error| match error {
                    TrySendError::Full(_) => Status::unavailable("worker queue full"),
                    TrySendError::Disconnected(_) => Status::internal("no worker"),
                })?;
                let message = result.await.map_err(|_| Status::internal("worker gone"))??;
                upstream.send(signal, message).await
            }
            Forward::Queue { edge, work } => {
                let message = do_work(work, signal, message)?;
                let sent = edge
                    .send(Job {
                        signal,
                        message,
                        reply,
                    })
                    .await;
                sent.map_err(|_| Status::internal("no edge"))?;
                result.await.map_err(|_| Status::internal("edge gone"))?
            }
        }
    }
}

fn do_work(work: Work, signal: Signal, message: Bytes) -> Counted {
    if work == Work::Count {
        let items = forebay_otlp::count_items(signal, &message)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        std::hint::black_box(items);
    }
    Ok(message)
}

fn run_worker(queue: &Receiver<Job<Counted>>, work: Work) {
    for Job {
        signal,
        message,
        reply,
    } in queue
    {
        // The handler may have gone with its connection.
        let _gone = reply.send(do_work(work, signal, message));
    }
}

async fn run_edge(mut queue: mpsc::Receiver<Job<Result<Bytes, Status>>>, upstream: Upstream) {
    let mut calls = FuturesUnordered::new();
    loop {
        tokio::select! {
            job = queue.recv(), if calls.len() < DEPTH => match job {
                Some(Job { signal, message, reply }) => {
                    let call = upstream.clone().send(signal, message);
                    calls.push(async move {
                        // The handler may have gone with its connection.
                        let _gone = reply.send(call.await);
                    });
                }
                None => break,
            },
            Some(()) = calls.next() => {}
        }
    }
    while calls.next().await.is_some() {}
}
