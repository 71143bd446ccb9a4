//! What is said of refusals in the log: who sent what was refused. The log limits lines by kind, so a sender that fails all the
//! time does not flood it.

use super::door::Refused;
use super::flawed::Mended;
use forebay_core::component::NodeContext;
use forebay_core::{Origin, Signal};
use forebay_transport::auth::Denied;
use tracing::{debug, field, warn};

/// A request that was refused: as a warning if its sender must change something, else, under load, only for those who look
/// closely.
pub(super) fn refused(node: &NodeContext, signal: Signal, refused: &Refused, origin: &Origin) {
    let (name, tenant) = sender(origin);
    let (peer, message) = (origin.peer.map(field::display), &*refused.status.message);
    let (receiver, reason) = (&*node.name, refused.reason.as_str());
    if refused.status.is_retryable() {
        debug!(receiver, %signal, peer, name, tenant, reason, message, "a request was put off");
    } else {
        warn!(receiver, %signal, peer, name, tenant, reason, message, "a request was refused");
    }
}

/// Items that were refused for their ids, while the rest of their request was taken.
pub(super) fn flawed(node: &NodeContext, signal: Signal, mended: &Mended, origin: &Origin) {
    let (name, tenant) = sender(origin);
    let peer = origin.peer.map(field::display);
    let (items, message) = (mended.refused, &*mended.words);
    warn!(receiver = &*node.name, %signal, peer, name, tenant, items, message, "items were refused");
}

/// A request of somebody who has not proved who they are.
pub(super) fn denied(node: &NodeContext, denied: &Denied, origin: &Origin) {
    let peer = origin.peer.map(field::display);
    let (receiver, message) = (&*node.name, field::display(denied));
    warn!(
        receiver,
        peer, message, "a request was refused: its sender is not known"
    );
}

/// The name and the tenant of whoever has proved who it is.
fn sender(origin: &Origin) -> (Option<&str>, Option<&str>) {
    let identity = origin.identity.as_deref();
    (
        identity.map(|identity| &*identity.name),
        identity.and_then(|identity| identity.tenant.as_deref()),
    )
}
