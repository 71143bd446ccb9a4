//! Who the backends are: as listed, as looked up, as read from a file.

use super::backend::Backend;
use super::config::{DnsConfig, FileConfig, StaticConfig};
use forebay_core::balanced::{Found, Resolver};
use forebay_core::component::NodeContext;
use forebay_core::{ComponentError, Phase};
use forebay_transport::FollowedFile;
use forebay_transport::client::Network;
use futures_util::future::{Either, select};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// The largest file of backends that is read.
const FILE_MAX: u64 = 1 << 20;

/// Those in the config.
#[derive(Debug)]
pub(super) struct Fixed(pub(super) StaticConfig);

impl Resolver for Fixed {
    fn kind(&self) -> &'static str {
        "static"
    }

    fn most(&self) -> usize {
        self.0.hostnames.len()
    }

    fn start(&self, _: &NodeContext, found: Found) -> Result<(), ComponentError> {
        found.members(self.0.hostnames.iter().map(Backend::to_string));
        Ok(())
    }
}

/// All addresses of a name.
#[derive(Debug)]
pub(super) struct Dns {
    pub(super) config: DnsConfig,
    pub(super) most: usize,
    pub(super) network: Arc<dyn Network>,
}

impl Resolver for Dns {
    fn kind(&self) -> &'static str {
        "dns"
    }

    fn most(&self) -> usize {
        self.most
    }

    fn start(&self, node: &NodeContext, found: Found) -> Result<(), ComponentError> {
        let (config, network, context) = (self.config.clone(), Arc::clone(&self.network), node.clone());
        node.tasks.spawn("lookup", async move {
            let about: Arc<str> = "lookup".into();
            while context.shutdown.phase() < Phase::Stopped {
                let concern = match look_up(&config, &*network, &context).await {
                    Ok(addresses) => too_many(found.members(addresses.iter().map(SocketAddr::to_string))),
                    Err(error) => {
                        found.failed();
                        tracing::debug!(node = &*context.name, %error, "lookup failed");
                        Some(format!("cannot look up `{}`: {error}", config.hostname))
                    }
                };
                context.health.concern(&about, concern.map(Into::into));
                context.clock.sleep(config.interval.0).await;
            }
        });
        Ok(())
    }
}

async fn look_up(
    config: &DnsConfig,
    network: &dyn Network,
    node: &NodeContext,
) -> io::Result<Vec<SocketAddr>> {
    let lookup = network.resolve(&config.hostname, config.port);
    match select(lookup, node.clock.sleep(config.timeout.0)).await {
        Either::Left((Ok(found), _)) if found.is_empty() => {
            Err(io::Error::new(io::ErrorKind::NotFound, "it has no address"))
        }
        Either::Left((found, _)) => found.map(of_one_family),
        Either::Right(_) => {
            let words = format!("no answer within {}", config.timeout);
            Err(io::Error::new(io::ErrorKind::TimedOut, words))
        }
    }
}

/// A server with an address of each family would be two backends, one of which may not be reached from here. Everybody has to
/// choose alike, and so the system's preference, which depends on the machine, does not count.
fn of_one_family(mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if found.iter().any(SocketAddr::is_ipv4) {
        found.retain(SocketAddr::is_ipv4);
    }
    found
}

/// Those in a file.
#[derive(Debug)]
pub(super) struct InFile {
    pub(super) config: FileConfig,
    pub(super) most: usize,
}

impl Resolver for InFile {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn most(&self) -> usize {
        self.most
    }

    fn start(&self, node: &NodeContext, found: Found) -> Result<(), ComponentError> {
        let file = FollowedFile::load("resolver.file.path", self.config.path.clone(), FILE_MAX, backends)?;
        let (health, about): (_, Arc<str>) = (node.health.clone(), "backends in the file".into());
        file.follow(self.config.interval.0, node, move |backends: &Vec<String>| {
            let concern = too_many(found.members(backends.iter().cloned()));
            health.concern(&about, concern.map(Into::into));
        });
        Ok(())
    }
}

fn too_many(left_out: usize) -> Option<String> {
    (left_out > 0).then(|| format!("{left_out} backends are left out (`max_backends`)"))
}

/// The backends that a file lists: at least one.
fn backends(text: &str) -> Result<Vec<String>, String> {
    let listed: Vec<String> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map_err(|error| error.to_string())?,
        false => text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default().trim())
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    if listed.is_empty() {
        return Err("there is no backend in it".to_owned());
    }
    let backend = |text: String| text.parse::<Backend>().map(String::from);
    listed.into_iter().map(backend).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lists_backends_by_line_or_in_json() {
        let listed = Ok(vec!["a:1".to_owned(), "b:4317".to_owned(), "[::1]:2".to_owned()]);
        assert_eq!(
            backends("# ours\na:1\n\n b  # the second\n[::1]:2\n"),
            listed.clone()
        );
        assert_eq!(backends(" [\"a:1\", \"b\", \"[::1]:2\"]\n"), listed);
    }

    #[test]
    fn what_cannot_be_used_is_explained() {
        for (text, words) in [
            ("", "there is no backend in it"),
            ("# nothing\n", "there is no backend in it"),
            ("[]", "there is no backend in it"),
            ("[1]", "invalid type"),
            ("a:1\nhttp://b:2", "`http://b:2` is not a backend"),
            ("a b", "`a b` is not a backend"),
            ("a:0", "`a:0` is not a backend"),
            ("a:1/path", "as it has a path"),
        ] {
            let error = backends(text).unwrap_err();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }
}
