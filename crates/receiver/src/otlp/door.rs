//! What happens to a request between its framing and the pipeline, the same for both protocols.

use super::config::{OtlpConfig, Validation};
use super::flawed::Mended;
use super::log;
use super::pass::Pass;
use forebay_core::component::{Arrival, ReceiverContext};
use forebay_core::{
    Acknowledge, Failure, Fault, Lease, Origin, Payload, Phase, Reason, Signal, Time, Verdict,
};
use forebay_otlp::flaws::path_to;
use forebay_otlp::json::{JsonError, JsonErrorKind, to_protobuf};
use forebay_otlp::{Census, Depth, WireError, validate};
use forebay_transport::auth::Guard;
use forebay_transport::server::{Admission, Buffers, Connection, Message, Refusal, Workbench};
use forebay_transport::status::{Code, Status};
use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use std::sync::Arc;
use std::time::Duration;

/// How long a sender is asked to wait where nobody said how long.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many bytes of protobuf one byte of JSON can become: `0,` in a list of doubles is 8.
const JSON_RATIO: usize = 4;
/// JSON below this size is leased as if it had it.
const SMALL_JSON: usize = 1024;

/// The door: shared by all requests of one receiver.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) context: ReceiverContext,
    pub(super) admission: Admission,
    guard: Guard,
    acknowledge: Acknowledge,
    depth: Depth,
}

/// Who sends a request, and how it came in.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) origin: Arc<Origin>,
    connection: Connection,
}

/// A sender that has not proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denied {
    /// What it is told.
    pub(super) status: Status,
    challenges: Vec<HeaderValue>,
}

impl Denied {
    /// Says in the headers of an answer how a sender can prove who it is.
    pub(super) fn challenge(&self, headers: &mut HeaderMap) {
        for challenge in &self.challenges {
            headers.append(WWW_AUTHENTICATE, challenge.clone());
        }
    }
}

/// A request that was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Items that were refused here or that a destination rejected.
    pub(super) rejected: u64,
    /// What is said of them, or a warning.
    pub(super) message: Option<Arc<str>>,
}

/// A request that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// What its sender is told.
    pub(super) status: Status,
    /// As what it is counted.
    pub(super) reason: Reason,
}

impl Door {
    pub(super) fn new(context: ReceiverContext, config: &OtlpConfig, guard: Guard) -> Self {
        let admission = Admission {
            ledger: context.node.ledger.clone(),
            clock: context.node.clock.clone(),
            max_bytes: usize::try_from(config.max_request_bytes.0).unwrap_or(usize::MAX),
            pace: config.limits.body_pace(),
            buffers: Buffers::for_budget(context.node.ledger.read().budget),
            workbench: Workbench::default(),
        };
        Door {
            context,
            admission,
            guard,
            acknowledge: config.acknowledge,
            depth: match config.validation {
                Validation::Deep => Depth::Full,
                Validation::Shallow => Depth::Shallow,
            },
        }
    }

    /// The moment now.
    pub(super) fn now(&self) -> Time {
        self.context.node.clock.now()
    }

    /// Who sends a request: its connection's origin, with the identity that its headers or the connection's certificate prove.
    /// Asked before the body is read.
    pub(super) fn identify(&self, headers: &HeaderMap, connection: Connection) -> Result<Caller, Denied> {
        let identity = self.guard.check(headers, connection.certificate.as_deref());
        match identity {
            Ok(identity) => {
                let origin = match identity {
                    None => Arc::clone(&connection.origin),
                    identity => Arc::new(Origin {
                        peer: connection.origin.peer,
                        identity,
                    }),
                };
                Ok(Caller { origin, connection })
            }
            Err(denied) => {
                self.context.requests.refuse(Reason::Unauthenticated);
                log::denied(&self.context.node, &denied, &connection.origin);
                Err(Denied {
                    status: Status::new(Code::Unauthenticated, denied.to_string()),
                    challenges: denied.challenges().to_vec(),
                })
            }
        }
    }

    /// Whether requests of `signal` are taken at all: asked before the body is read.
    pub(super) fn check_open(&self, signal: Signal) -> Result<(), Refused> {
        if self.context.node.shutdown.phase() > Phase::Running {
            let status = Status::new(Code::Unavailable, "the process is shutting down");
            return Err(Refused {
                status: status.after(Some(PATIENCE)),
                reason: Reason::Draining,
            });
        }
        if !self.context.accepts.contains(signal) {
            let words = format!("no pipeline takes {signal} from this receiver");
            let status = Status::new(Code::Unimplemented, words);
            return Err(Refused {
                status,
                reason: Reason::NoPipeline,
            });
        }
        Ok(())
    }

    async fn validate(&self, signal: Signal, request: &[u8]) -> Result<Census, Refused> {
        let _turn = self.admission.workbench.turn(request.len()).await;
        validate(signal, request, self.depth).map_err(|error| Refused::malformed(signal, request, error))
    }

    /// Checks a request in protobuf, counts its items, and sends on those that are sound. Ready when the sender may be
    /// answered.
    pub(super) async fn take(
        self: &Arc<Self>,
        signal: Signal,
        message: Message,
        caller: &Caller,
    ) -> Result<Taken, Refused> {
        let census = self.validate(signal, &message.bytes).await?;
        caller.connection.prove();
        let origin = Arc::clone(&caller.origin);
        if census.items == 0 {
            return Ok(Taken::default());
        }
        if census.flaws.is_empty() {
            return self.pass_on(signal, message, census.items, origin).await;
        }
        let mended = self.mend(signal, message, &census)?;
        drop(census);
        log::flawed(&self.context.node, signal, &mended, &caller.origin);
        let Mended {
            message,
            items,
            refused,
            words,
        } = mended;
        let taken = self.pass_on(signal, message, items, origin).await?;
        Ok(taken.besides(refused, words))
    }

    /// Makes a batch of a request and sends it on. Ready when the sender may be answered.
    async fn pass_on(
        self: &Arc<Self>,
        signal: Signal,
        message: Message,
        items: u64,
        origin: Arc<Origin>,
    ) -> Result<Taken, Refused> {
        let (batch, delivery) = self.context.receive(Arrival {
            signal,
            payload: Payload::from(message.bytes),
            items,
            lease: message.lease,
            origin,
            acknowledge: self.acknowledge,
        });
        Pass::new(Arc::clone(self), batch).await;
        told(delivery.await)
    }

    /// Converts a request in JSON. The text is let go.
    pub(super) async fn convert(&self, signal: Signal, message: Message) -> Result<Message, Refused> {
        let Message { bytes: text, lease } = message;
        let _turn = self.admission.workbench.turn(text.len()).await;
        if text.is_empty() {
            return Err(malformed_json(String::new(), "the body is empty".into()));
        }
        let converted = self.convert_leased(signal, &text, &lease)?;
        drop(text);
        let bytes = converted.capacity() as u64;
        grow(&lease, bytes.saturating_sub(lease.bytes()))?;
        lease.shrink_to(bytes);
        Ok(Message {
            bytes: converted.into(),
            lease,
        })
    }

    /// The protobuf form, its memory leased before it is made. It is seldom larger than the text, and never much more than
    /// [`JSON_RATIO`] times as large; the room for that is leased only where the first attempt shows that it is needed.
    fn convert_leased(&self, signal: Signal, text: &[u8], lease: &Lease) -> Result<Vec<u8>, Refused> {
        let most = self.admission.max_bytes;
        let usual = text.len().max(SMALL_JSON).min(most);
        grow(lease, usual as u64)?;
        let mut converted = to_protobuf(signal, text, usual);
        let outgrown = |error: &JsonError| matches!(error.kind, JsonErrorKind::TooLarge(_));
        if usual < most && converted.as_ref().is_err_and(outgrown) {
            let rare = text.len().saturating_mul(JSON_RATIO).max(usual).min(most);
            grow(lease, (rare - usual) as u64)?;
            converted = to_protobuf(signal, text, rare);
        }
        converted.map_err(|error| match error.kind {
            JsonErrorKind::TooLarge(_) => Refused::from(Refusal::TooLarge { limit: most }),
            kind => {
                let description = format!("{kind} at line {}, column {}", error.line, error.column);
                malformed_json(error.path, description)
            }
        })
    }

    /// Counts what became of a request that began at `began`, and says in the log what was refused.
    pub(super) fn close(&self, began: Time, call: (Signal, &Caller), outcome: &Result<Taken, Refused>) {
        match outcome {
            Ok(_) => self.context.requests.succeed(self.now().since(began)),
            Err(refused) => {
                self.context.requests.refuse(refused.reason);
                log::refused(&self.context.node, call.0, refused, &call.1.origin);
            }
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Refused {
            status: refusal.status(),
            reason: refusal.reason(),
        }
    }
}

impl Refused {
    /// A request that breaks a rule of the wire format: no part of it can be trusted.
    pub(super) fn malformed(signal: Signal, request: &[u8], error: WireError) -> Self {
        let path = path_to(signal, request, &(error.offset..error.offset));
        let words = format!("not a valid request of {signal}: {error}");
        let description = format!("{} at byte {}", error.kind, error.offset);
        Refused {
            status: Status::new(Code::InvalidArgument, words).violating(path, description),
            reason: Reason::Malformed,
        }
    }
}

impl Taken {
    /// The same, with items that were refused at the door beside those that the destination rejected.
    fn besides(self, refused: u64, words: String) -> Self {
        let message = match self.message {
            Some(theirs) => format!("{words}; {theirs}").into(),
            None => words.into(),
        };
        Taken {
            rejected: self.rejected + refused,
            message: Some(message),
        }
    }
}

/// Takes `bytes` more into a lease.
pub(super) fn grow(lease: &Lease, bytes: u64) -> Result<(), Refused> {
    let grown = lease.grow(bytes);
    grown.map_err(|error| Refused::from(Refusal::from(error)))
}

fn malformed_json(path: String, description: String) -> Refused {
    let words = if path.is_empty() {
        description.clone()
    } else {
        format!("{path}: {description}")
    };
    let status = Status::new(Code::InvalidArgument, format!("not valid OTLP/JSON: {words}"));
    Refused {
        status: status.violating(path, description),
        reason: Reason::Malformed,
    }
}

/// What the sender is told of a verdict.
fn told(verdict: Verdict) -> Result<Taken, Refused> {
    match verdict.failure {
        None => Ok(Taken {
            rejected: verdict.rejected_items,
            message: verdict.rejected_message,
        }),
        Some(failure) => Err(failed(failure)),
    }
}

fn failed(failure: Failure) -> Refused {
    let status = if failure.retryable {
        let after = failure.after.unwrap_or(PATIENCE);
        Status::new(Code::Unavailable, failure.message).after(Some(after))
    } else {
        // A destination that blamed the data blamed what this sender sent.
        let code = match failure.fault {
            Some(Fault::Content) => Code::InvalidArgument,
            Some(Fault::TooLarge) => Code::ResourceExhausted,
            Some(Fault::Destination | Fault::Unclear) | None => Code::Internal,
        };
        Status::new(code, failure.message)
    };
    Refused {
        status,
        reason: failure.reason,
    }
}
