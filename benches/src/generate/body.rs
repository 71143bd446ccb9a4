//! The bodies of the requests, framed and compressed.

use super::{Options, Protocol};
use crate::Result;
use crate::compression::Compression;
use crate::payload::{Identities, Request, SeriesStream, Template, TraceStream};
use bytes::{BufMut, Bytes, BytesMut};
use forebay_otlp::Signal;

/// How many different bodies are sent in turn when no sequence is wanted: enough that compression does not see the same
/// request in its window twice.
const VARIANTS: u64 = 8;

pub(super) struct Bodies {
    source: Source,
    frame: Frame,
}

enum Source {
    Fixed(Vec<Bytes>),
    Patched { template: Template, generator: u16 },
    Traces { stream: TraceStream, generator: u16 },
    Series(SeriesStream),
    Built { options: Box<Options> },
}

#[derive(Clone, Copy)]
struct Frame {
    grpc: bool,
    compression: Compression,
}

impl Bodies {
    pub(super) fn new(options: &Options) -> Result<Bodies> {
        let frame = Frame {
            grpc: options.protocol == Protocol::Grpc,
            compression: options.compression,
        };
        let source = match (options.sequence, options.protocol) {
            _ if options.traces.is_wanted() => Source::Traces {
                stream: traces(options)?,
                generator: options.generator,
            },
            _ if options.series.is_wanted() => Source::Series(series(options)?),
            (true, Protocol::HttpJson) => Source::Built {
                options: Box::new(options.clone()),
            },
            (true, _) => Source::Patched {
                template: Template::new(options.signal, options.items, 1)?,
                generator: options.generator,
            },
            (false, _) => Source::Fixed(fixed(options, frame)?),
        };
        Ok(Bodies { source, frame })
    }

    /// What the points of the request with this sequence add up to, where that is known.
    pub(super) fn sum(&self, sequence: u64) -> Option<u64> {
        match &self.source {
            Source::Series(stream) => stream.sum(sequence),
            _ => None,
        }
    }

    /// The body of the request with this sequence.
    pub(super) fn body(&self, sequence: u64) -> Result<Bytes> {
        match &self.source {
            Source::Fixed(bodies) => {
                let body = bodies.get((sequence % VARIANTS) as usize).ok_or("no body")?;
                Ok(body.clone())
            }
            Source::Patched { template, generator } => {
                let mut out = self.frame.open(template.bytes());
                template.append(*generator, sequence, &mut out);
                self.frame.close(out)
            }
            Source::Traces { stream, generator } => {
                let mut out = self.frame.open(stream.bytes());
                stream.append(*generator, sequence, &mut out);
                self.frame.close(out)
            }
            Source::Series(stream) => {
                let mut out = self.frame.open(stream.bytes());
                stream.append(sequence, &mut out);
                self.frame.close(out)
            }
            Source::Built { options } => {
                let first = sequence * options.items as u64;
                let identities = Identities {
                    generator: options.generator,
                    first,
                };
                let request = Request::new(options.signal, options.items, sequence, Some(identities));
                self.frame.wrap(&request.json())
            }
        }
    }
}

fn traces(options: &Options) -> Result<TraceStream> {
    if options.signal != Signal::Traces || options.protocol == Protocol::HttpJson {
        return Err("spans per trace: for traces in protobuf only".into());
    }
    if options.acknowledged_log.is_some() && options.traces.open_traces > 0 {
        return Err("an acknowledged log names consecutive items: not with open traces".into());
    }
    TraceStream::new(options.traces, options.items)
}

fn series(options: &Options) -> Result<SeriesStream> {
    if options.signal != Signal::Metrics || options.protocol == Protocol::HttpJson {
        return Err("live series: for metrics in protobuf only".into());
    }
    if options.sequence {
        return Err("live series: their values are sums, not identities: not with a sequence".into());
    }
    SeriesStream::new(options.series, options.items)
}

fn fixed(options: &Options, frame: Frame) -> Result<Vec<Bytes>> {
    (0..VARIANTS)
        .map(|seed| {
            let request = Request::new(options.signal, options.items, seed, None);
            frame.wrap(&if options.protocol == Protocol::HttpJson {
                request.json()
            } else {
                request.protobuf()
            })
        })
        .collect()
}

impl Frame {
    fn wrap(self, message: &[u8]) -> Result<Bytes> {
        let mut out = self.open(message.len());
        out.extend_from_slice(message);
        self.close(out)
    }

    /// A buffer with room for the message; with gRPC it starts with the five bytes that [`Frame::close`] fills in.
    fn open(self, message: usize) -> BytesMut {
        let mut out = BytesMut::with_capacity(message + 5);
        if self.grpc {
            out.put_bytes(0, 5);
        }
        out
    }

    /// Compresses, and writes the gRPC prefix: one byte compressed or not, four bytes length. Source: gRPC over HTTP/2,
    /// "Length-Prefixed-Message".
    fn close(self, mut out: BytesMut) -> Result<Bytes> {
        if !self.grpc {
            return self.compression.compress(out.freeze());
        }
        if self.compression != Compression::None {
            let packed = self.compression.compress(out.split_off(5).freeze())?;
            out.extend_from_slice(&packed);
        }
        let length = u32::try_from(out.len() - 5)?.to_be_bytes();
        let [a, b, c, d] = length;
        let prefix = [u8::from(self.compression != Compression::None), a, b, c, d];
        if let Some(head) = out.get_mut(..5) {
            head.copy_from_slice(&prefix);
        }
        Ok(out.freeze())
    }
}
