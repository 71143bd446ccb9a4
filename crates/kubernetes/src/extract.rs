//! What is kept of an object: whoever asks says so, and gets it back with a lookup.

use crate::objects::{ContainerObject, Metadata, PodObject};
use crate::wanted::Kind;
use forebay_otlp::edit::AttributeSet;

/// What is kept of a pod or of a container. An attribute in both counts as `own`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// What no other has: its name, its uid, its addresses.
    pub own: AttributeSet,
    /// What others are likely to have as well, byte for byte: labels, the image. Equal ones are kept once.
    pub shared: AttributeSet,
}

/// Makes attributes of objects, once for each version of an object that came in. What is empty costs next to nothing.
///
/// It runs on the tasks that follow the cluster, and must not block. Lookups see what it made until the object changes.
pub trait Extract: Send + Sync + 'static {
    /// What is kept of a pod. Nothing: the pod is not kept at all, and cannot be found.
    fn pod(&self, pod: &PodObject<'_>) -> Option<Extracted>;

    /// What is kept of one of the pod's containers.
    fn container(&self, pod: &PodObject<'_>, container: &ContainerObject<'_, '_>) -> Extracted;

    /// What is kept of one run of a container, by its id without the runtime's name before it.
    fn run(&self, container_id: &str) -> AttributeSet;

    /// What is kept of an object that is watched beside pods.
    fn object(&self, kind: Kind, metadata: &Metadata<'_>) -> AttributeSet;

    /// What is kept of the cluster.
    fn cluster(&self, uid: &str) -> AttributeSet;
}
