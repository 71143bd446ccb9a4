//! Connecting: which address, through which proxy, under TLS or not, and within which time.

use super::addresses::{Address, Addresses};
use super::endpoint::Target;
use super::network::{BoxStream, Network, SystemNetwork};
use super::proxy::{self, ProxyUrl};
use super::{CallError, ConnectSettings, SetupError};
use crate::tls::{Alpn, TlsConnector};
use forebay_core::component::NodeContext;
use forebay_core::{Clock, Ledger, Shutdown, Tasks, Time};
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;
use http::uri::Authority;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long one attempt has for itself before the next address is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// What a client needs of the process: the clock, tasks, word of the shutdown, and the network.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The clock for limits and pauses.
    pub clock: Clock,
    /// With which connection tasks are started.
    pub tasks: Tasks,
    /// At [`forebay_core::Phase::Stopped`] every connection is let go.
    pub shutdown: Shutdown,
    /// The budget that decompressed answers are leased from.
    pub ledger: Ledger,
    /// Names and connections.
    pub network: Arc<dyn Network>,
}

impl From<&NodeContext> for Surroundings {
    /// The node's own, with the machine's network.
    fn from(context: &NodeContext) -> Self {
        Surroundings::on(context, Arc::new(SystemNetwork))
    }
}

impl Surroundings {
    /// The node's own, with another network than the machine's.
    pub fn on(context: &NodeContext, network: Arc<dyn Network>) -> Self {
        Surroundings {
            network,
            clock: context.clock.clone(),
            tasks: context.tasks.clone(),
            shutdown: context.shutdown.clone(),
            ledger: context.ledger.clone(),
        }
    }
}

/// A new connection.
pub(super) struct Connected {
    pub(super) io: BoxStream,
    pub(super) address: Address,
    /// Whether it speaks HTTP/2; else HTTP/1.1.
    pub(super) http2: bool,
}

/// Connects to one target.
#[derive(Debug)]
pub(super) struct Dialer {
    target: Target,
    addresses: Addresses,
    proxy: Option<ProxyUrl>,
    /// Where a tunnel through the proxy goes; nothing where the proxy takes requests itself, or where there is none.
    tunnel: Option<Authority>,
    tls: Option<(TlsConnector, String)>,
    timeout: Duration,
    surroundings: Surroundings,
    refreshing: AtomicBool,
}

impl Dialer {
    /// `always_tunnel`: whether requests without TLS go through a proxy's tunnel as well, because they are HTTP/2.
    pub(super) fn new(
        (target, settings): (&Target, &ConnectSettings),
        always_tunnel: bool,
        surroundings: &Surroundings,
    ) -> Result<Self, SetupError> {
        let tunnel = always_tunnel || settings.tls.is_some();
        let proxy = match &settings.proxy {
            Some(proxy) => Some(proxy.clone()),
            None => proxy::of_environment(&*surroundings.network, target, tunnel).map_err(SetupError)?,
        };
        let authority = || target.authority().map_err(::http::Error::from);
        let first = proxy.as_ref().map_or_else(|| target.clone(), ProxyUrl::target);
        let around = (Arc::clone(&surroundings.network), surroundings.clock.clone());
        let host = match target {
            Target::Tcp { host, .. } => host.clone(),
            Target::Unix(_) => "localhost".to_owned(),
        };
        Ok(Dialer {
            tunnel: (proxy.is_some() && tunnel).then(authority).transpose()?,
            addresses: Addresses::new(&first, settings.dns_refresh_interval, around),
            tls: settings.tls.clone().map(|connector| (connector, host)),
            target: target.clone(),
            timeout: settings.timeout,
            proxy,
            surroundings: surroundings.clone(),
            refreshing: AtomicBool::new(false),
        })
    }

    pub(super) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Whether connections are under TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// The proxy that takes requests itself, whole URL and all.
    pub(super) fn forward_proxy(&self) -> Option<&ProxyUrl> {
        self.proxy.as_ref().filter(|_| self.tunnel.is_none())
    }

    /// A new connection, to the address that the fewest of those `in_use` go to, or to another if that one fails. During
    /// the pause that follows a failure the answer is that failure, at once.
    pub(super) async fn dial(&self, in_use: &[Address], offer: Alpn) -> Result<Connected, CallError> {
        let deadline = self.surroundings.clock.now().after(self.timeout);
        let mut left = self.addresses.order(in_use, self.timeout / 2).await?.into_iter();
        loop {
            let (address, io) = self.race(&mut left, deadline).await?;
            let preparing = pin!(self.prepare(io, offer));
            match self.within(deadline, preparing).await {
                Ok((io, http2)) => {
                    self.addresses.connected(&address);
                    return Ok(Connected { io, address, http2 });
                }
                Err(error) => {
                    let failed = self.refused(&address, &error);
                    if left.len() == 0 {
                        return Err(failed);
                    }
                }
            }
        }
    }

    /// Looks the name up again if that is due, on a task of its own.
    pub(super) fn refresh(self: &Arc<Self>) {
        if !self.addresses.is_refresh_due() || self.refreshing.swap(true, Ordering::AcqRel) {
            return;
        }
        let dialer = Arc::clone(self);
        self.surroundings.tasks.spawn("lookup", async move {
            let stopped = pin!(dialer.surroundings.shutdown.stopped());
            let looking = pin!(dialer.addresses.refresh(dialer.timeout));
            select(looking, stopped).await;
            dialer.refreshing.store(false, Ordering::Release);
        });
    }

    /// The first of the addresses to which a connection comes to be. Each has a head start before the next one is tried
    /// beside it, and the next one is tried at once when one fails.
    async fn race(
        &self,
        left: &mut std::vec::IntoIter<Address>,
        deadline: Time,
    ) -> Result<(Address, BoxStream), CallError> {
        let mut running = FuturesUnordered::new();
        let mut under_way: Vec<Address> = Vec::new();
        let mut last = None;
        loop {
            if let Some(address) = left.next() {
                under_way.push(address.clone());
                running.push(self.attempt(address));
            }
            if running.is_empty() {
                return Err(
                    last.unwrap_or_else(|| CallError::unreachable("there is no address to connect to"))
                );
            }
            let clock = &self.surroundings.clock;
            let patience = match left.len() {
                0 => deadline,
                _ => deadline.min(clock.now().after(HEAD_START)),
            };
            match select(running.next(), clock.sleep_until(patience)).await {
                Either::Left((Some((address, Ok(io))), _)) => return Ok((address, io)),
                Either::Left((Some((address, Err(error))), _)) => {
                    under_way.retain(|other| *other != address);
                    last = Some(self.refused(&address, &error));
                }
                Either::Left((None, _)) => {}
                Either::Right(_) if clock.now() < deadline => {}
                Either::Right(_) => return Err(self.all_late(&under_way)),
            }
        }
    }

    async fn attempt(&self, address: Address) -> (Address, io::Result<BoxStream>) {
        let network = &self.surroundings.network;
        let outcome = match &address {
            Address::Tcp(to) => network.connect(*to).await,
            Address::Unix(path) => network.connect_unix(path).await,
        };
        (address, outcome)
    }

    /// None of the addresses has answered in time.
    fn all_late(&self, under_way: &[Address]) -> CallError {
        let late = self.too_late();
        let fail = |address| self.refused(address, &late);
        under_way
            .iter()
            .map(fail)
            .last()
            .unwrap_or_else(|| CallError::unreachable(late.to_string()))
    }

    fn refused(&self, address: &Address, error: &io::Error) -> CallError {
        let (target, shown) = (self.target.to_string(), address.to_string());
        let way = match &self.proxy {
            Some(proxy) => format!("{target} through the proxy {}", proxy.target()),
            None if target == shown => target,
            None => format!("{target} ({shown})"),
        };
        let why = super::words(&format!("cannot connect to {way}"), error);
        self.addresses.failed(address, &why)
    }

    /// Makes of a connection what requests are sent on: through the proxy, and under TLS. Whether it speaks HTTP/2.
    async fn prepare(&self, mut io: BoxStream, offer: Alpn) -> io::Result<(BoxStream, bool)> {
        if let (Some(proxy), Some(origin)) = (&self.proxy, &self.tunnel) {
            io = proxy.tunnel(io, origin).await?;
        }
        let Some((connector, host)) = &self.tls else {
            return Ok((io, offer == Alpn::Http2));
        };
        let stream = connector.connect(host, io, offer).await?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Box::new(stream), http2))
    }

    async fn within<T>(
        &self,
        deadline: Time,
        work: std::pin::Pin<&mut impl Future<Output = io::Result<T>>>,
    ) -> io::Result<T> {
        let late: BoxFuture<'static, ()> = self.surroundings.clock.sleep_until(deadline);
        match select(work, late).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(self.too_late()),
        }
    }

    fn too_late(&self) -> io::Error {
        let words = format!("no answer within {:?}", self.timeout);
        io::Error::new(io::ErrorKind::TimedOut, words)
    }
}
