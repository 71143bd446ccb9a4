//! TLS for servers and clients: rustls with ring's cryptography, TLS 1.2 and 1.3, certificates that are read again when they
//! change.
//!
//! No provider is installed for the process: each config names its own.

mod acceptor;
mod connector;
mod material;
mod peer;
#[cfg(test)]
pub(crate) mod tests;
mod validity;

pub use acceptor::TlsAcceptor;
pub use connector::TlsConnector;
pub use peer::PeerCertificate;
pub use tokio_rustls::{client, server};

use forebay_core::settings::TlsVersion;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The protocols that one side offers within TLS (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// HTTP/2 only, as gRPC has it. A client goes on only if the server has agreed to it.
    Http2,
    /// HTTP/2, or HTTP/1.1 if the other side does not speak it. One that says nothing speaks HTTP/1.1, unless it begins with
    /// the preface of HTTP/2.
    Any,
    /// HTTP/1.1 only.
    Http1,
}

impl Alpn {
    /// The names, the preferred one first.
    fn names(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Alpn::Http2 => &[b"h2"],
            Alpn::Any => &[b"h2", b"http/1.1"],
            Alpn::Http1 => &[b"http/1.1"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

static BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
static NEW: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// The versions from `oldest` on.
fn versions(oldest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match oldest {
        TlsVersion::V1_2 => BOTH,
        TlsVersion::V1_3 => NEW,
    }
}
