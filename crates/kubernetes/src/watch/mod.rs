//! Following the cluster: a task for each kind lists its objects and then watches them; another forgets pods whose time has come.
//!
//! Whatever happens to the API server, what is known stays and is served. A watch goes on from the last version that it heard of; only
//! where that is not remembered any more (410) everything is listed again, and nothing is forgotten before that list has come to
//! its end. See the Kubernetes API concepts, "Efficient detection of changes" and "Retrieving large results sets in chunks".
//!
//! | file | holds |
//! |---|---|
//! | `follower.rs` | one kind: list, watch, and what becomes of them |
//! | `connection.rs` | reaching the API server; answers as they come in |
//! | `trouble.rs` | what can go wrong, and how long to keep still then |

mod connection;
mod follower;
mod trouble;

#[cfg(test)]
mod tests;

pub(crate) use trouble::Cause;

use crate::extract::Extract;
use crate::known::{Known, Writer};
use crate::meter::Meter;
use crate::objects::MetaObject;
use crate::wanted::{Kind, Settings};
use connection::Connection;
use follower::Follower;
use forebay_core::component::{NodeContext, ProcessorContext};
use forebay_core::{ComponentError, Shutdown};
use kube::core::params::GetParams;
use std::sync::Arc;
use trouble::{Backoff, Cause as Why, Trouble};

/// Follows a cluster, from now on until the shutdown, by tasks of the node: what becomes known can be looked up at once.
///
/// `before` is what the predecessor knew, if it was asked to extract the same: it is gone on from, without a list, if the settings
/// are the same as well, and who followed before does so no more.
///
/// # Errors
///
/// If the API server cannot be asked by these settings, whatever it answers: a file that the config names cannot be used, for example.
/// One that does not answer is no error, but a concern of the node's health.
pub fn follow(
    context: &ProcessorContext,
    settings: &Settings,
    extract: Arc<dyn Extract>,
    before: Option<Arc<Known>>,
) -> Result<Arc<Known>, ComponentError> {
    connection::check(&settings.access)?;
    let node = &context.node;
    let known = before.filter(|known| known.settings() == settings);
    let known = known.unwrap_or_else(|| Known::new(settings.clone(), context.memory));
    let wanted = settings.wanted.clone();
    let writer = Writer::new(Arc::clone(&known), wanted, extract, node.clock.clone());
    writer.set_max_bytes(context.memory);
    let writer = Arc::new(writer);

    let kinds = settings.wanted.all_kinds();
    let meter = Meter::new(Arc::clone(&known), node.clock.clone(), &kinds);
    for (kind, meter) in kinds.iter().zip(meter.kinds()) {
        let follower = Follower {
            kind: *kind,
            wanted: settings.wanted.clone(),
            writer: Arc::clone(&writer),
            connection: Connection::new(settings.access.clone(), node.clock.clone()),
            node: node.clone(),
            meter: Arc::clone(meter),
            version: known.version(*kind),
            backoff: Backoff::default(),
            page: follower::PAGE,
        };
        node.tasks.spawn("kubernetes watch", follower.run());
    }
    node.instruments.add(Arc::new(meter));
    if settings.wanted.cluster_uid && known.cluster().is_none() {
        let connection = Connection::new(settings.access.clone(), node.clock.clone());
        let asking = ask_for_cluster(connection, Arc::clone(&writer), node.clone());
        node.tasks.spawn("kubernetes cluster", asking);
    }
    node.tasks
        .spawn("kubernetes grace", forget_in_time(writer, node.clone()));
    Ok(known)
}

/// Forgets pods when their time has come.
async fn forget_in_time(writer: Arc<Writer>, node: NodeContext) {
    let about: Arc<str> = "kubernetes memory".into();
    while let Ok(next) = writer.expire() {
        let holding = writer.known().holding();
        let full = holding.rejected_now.then(|| {
            format!(
                "what is known of the cluster takes all of the {} bytes that it may: objects are not kept. Give it more memory, or \
                 follow fewer pods",
                holding.max_bytes
            )
        });
        node.health.concern(&about, full.map(Into::into));
        let time = async {
            match next {
                Some(at) => node.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = node.shutdown.draining() => return,
            () = writer.known().changed() => {}
            () = time => {}
        }
    }
}

/// Asks for the cluster's uid until it is known.
async fn ask_for_cluster(connection: Connection, writer: Arc<Writer>, node: NodeContext) {
    let shutdown: Shutdown = node.shutdown.clone();
    tokio::select! {
        () = shutdown.draining() => {}
        () = cluster_uid(connection, &writer, &node) => {}
    }
}

async fn cluster_uid(mut connection: Connection, writer: &Writer, node: &NodeContext) {
    let about: Arc<str> = "kubernetes cluster".into();
    let mut backoff = Backoff::default();
    loop {
        match uid_of_kube_system(&mut connection).await {
            Ok(uid) => {
                node.health.concern(&about, None);
                // Another follows: it asks by itself.
                let _ = writer.put_cluster(&uid);
                return;
            }
            Err(trouble) => {
                connection.renew();
                let remedy = match trouble.cause {
                    Why::Forbidden => ". Let the service account get namespaces",
                    _ => "",
                };
                let words = format!(
                    "the API server does not tell the uid of the namespace kube-system, which is the cluster's ({}: {}){remedy}",
                    trouble.cause.as_str(),
                    trouble.words
                );
                node.health.concern(&about, Some(words.into()));
                node.clock.sleep(backoff.failed(trouble.after)).await;
            }
        }
    }
}

/// The cluster's uid, by the rule of the semantic conventions for `k8s.cluster.uid`.
async fn uid_of_kube_system(connection: &mut Connection) -> Result<String, Trouble> {
    let api = kube::core::request::Request::new(format!(
        "{}/{}",
        Kind::Namespace.group_path(),
        Kind::Namespace.plural()
    ));
    let request = api.get_metadata("kube-system", &GetParams::default());
    let request = request.map_err(|error| Trouble::new(Why::Invalid, error))?;
    let body = connection.ask(request).await?.whole().await?;
    let object: MetaObject<'_> =
        serde_json::from_slice(&body).map_err(|error| Trouble::new(Why::Invalid, error))?;
    Ok(object.metadata.uid.to_string())
}
