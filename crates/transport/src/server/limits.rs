//! What clients may take: connections, time, streams, headers.

use super::body::BodyPace;
use forebay_core::registry::Problem;
use forebay_core::settings::{Count, Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most connections that can be asked for.
const MOST_CONNECTIONS: u64 = 1 << 20;
/// The most streams that can be asked for.
const MOST_STREAMS: u64 = 1 << 16;
/// The bounds of `max_header_bytes`. hyper reads HTTP/1 into a buffer of 8 KiB at least.
const HEADER_BYTES: std::ops::RangeInclusive<u64> = 1 << 10..=1 << 20;

/// What clients may take of a server. The limits hold for each of a receiver's servers by itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// The most connections at once. When there are as many, the one that has been open longest without a request that
    /// was answered well is closed in favour of the newcomer; if there is none, the newcomer is closed. Bounded, too, by
    /// the process's limit on open files, of which some are kept back for the rest of the process. From 1 to 1048576.
    pub max_connections: Count,
    /// The most connections at once from one address (of IPv6: from one /64 network), chosen in the same way. Raise it,
    /// or set `0` for no limit, where all connections come by way of a load balancer that hides its clients' addresses.
    /// Does not hold on unix sockets.
    pub max_connections_per_peer: Count,
    /// How long a TLS handshake may take. More than `0s`.
    pub handshake_timeout: Period,
    /// How long the head of a request may take from its first byte to its last; on a new connection from the start. With
    /// HTTP/2: the preface and the settings, and each block of headers. More than `0s`.
    pub header_timeout: Period,
    /// After how long without a request a connection is closed. `0s`: never.
    pub idle_timeout: Period,
    /// After how long a connection is closed even if it is busy, so that clients spread anew over the addresses of a
    /// load-balanced service. Varied at random by a tenth either way, so that they do not all come back at once. HTTP/2
    /// clients are told by GOAWAY, those of HTTP/1 by `Connection: close`; requests under way are answered.
    /// `0s`: never.
    pub max_connection_age: Period,
    /// How long requests under way may still take on a connection that is being closed for its age or its idleness.
    pub max_connection_age_grace: Period,
    /// The most requests at once on one HTTP/2 connection; clients hold back more by themselves. From 1 to 65536.
    pub max_concurrent_streams: Count,
    /// The most bytes of a request's head: request line and headers, for HTTP/2 as RFC 9113 (section 6.5.2) counts them,
    /// with 32 more for each header. A larger one is answered 431. From `1KiB` to `1MiB`.
    pub max_header_bytes: Size,
    /// How long a request's body may take in all. Until then it holds memory for bytes that are still to come. `0s`: as
    /// long as it keeps to `min_body_rate`.
    pub body_timeout: Period,
    /// The least number of bytes per second that a body must make on average, after 10 seconds in which it may be
    /// slower. `0`: any.
    pub min_body_rate: Size,
    /// The most HTTP/2 frames per second on one connection that carry neither a request nor data: PING, SETTINGS,
    /// RST_STREAM, PRIORITY, WINDOW_UPDATE, empty DATA and the like. Ten times as many may come at once, and each
    /// request that is answered allows some more. A connection that goes beyond is closed. At least 10.
    pub max_control_frames: Count,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig {
            max_connections: Count(4096),
            max_connections_per_peer: Count(2048),
            handshake_timeout: Period(Duration::from_secs(10)),
            header_timeout: Period(Duration::from_secs(10)),
            idle_timeout: Period(Duration::from_secs(300)),
            max_connection_age: Period(Duration::ZERO),
            max_connection_age_grace: Period(Duration::from_secs(30)),
            max_concurrent_streams: Count(128),
            max_header_bytes: Size(16 << 10),
            body_timeout: Period(Duration::from_secs(60)),
            min_body_rate: Size(1 << 10),
            max_control_frames: Count(100),
        }
    }
}

impl LimitsConfig {
    /// How fast a body must come in.
    pub fn body_pace(&self) -> BodyPace {
        BodyPace {
            most: Some(self.body_timeout.0).filter(|most| !most.is_zero()),
            rate: self.min_body_rate.0,
        }
    }

    /// The most streams of one HTTP/2 connection.
    pub(super) fn streams(&self) -> u32 {
        u32::try_from(self.max_concurrent_streams.0).unwrap_or(u32::MAX)
    }

    /// What is wrong with these limits; the paths begin with the table's own name, `limits`.
    pub fn check(&self) -> Vec<Problem> {
        let problem = |key: &'static str, message| Problem {
            path: vec!["limits".into(), key.into()],
            message,
            help: None,
        };
        let bounded = |key, value: u64, least: u64, most: u64| {
            let wrong = value < least || value > most;
            wrong.then(|| problem(key, format!("`{key}` must be between {least} and {most}")))
        };
        let waits = |key, period: Period| {
            let wrong = period.0.is_zero();
            wrong.then(|| problem(key, format!("`{key}` must be more than 0s")))
        };
        let (least, most) = (*HEADER_BYTES.start(), *HEADER_BYTES.end());
        [
            bounded("max_connections", self.max_connections.0, 1, MOST_CONNECTIONS),
            bounded(
                "max_concurrent_streams",
                self.max_concurrent_streams.0,
                1,
                MOST_STREAMS,
            ),
            bounded("max_header_bytes", self.max_header_bytes.0, least, most),
            bounded(
                "max_control_frames",
                self.max_control_frames.0,
                10,
                u64::from(u32::MAX),
            ),
            waits("handshake_timeout", self.handshake_timeout),
            waits("header_timeout", self.header_timeout),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
