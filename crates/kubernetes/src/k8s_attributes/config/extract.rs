//! What becomes of what is known of a pod.

use super::fields::{FieldConfig, Keys, Owner};
use super::metadata::{Metadata, Wants};
use forebay_core::registry::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What becomes attributes of the resource.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractConfig {
    /// Attributes of the semantic conventions, by name. Those of containers (`container.*`, `k8s.container.*`, `service.version` from the
    /// image, `service.instance.id`) are put where the resource has `container.id` or `k8s.container.name`, or the pod has but one
    /// container.
    pub metadata: Vec<Metadata>,
    /// Labels. Where two entries give one attribute, that of the pod comes before that of its workload, and this before that of its
    /// namespace and node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<FieldConfig>,
    /// Annotations; labels come before them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<FieldConfig>,
    /// Whether annotations of the pod whose keys begin with `resource.opentelemetry.io/` become attributes by the rest of their keys.
    pub otel_annotations: bool,
    /// Whether the name of a deployment is that of the pod's replica set without the hash that the pod's label `pod-template-hash` has.
    /// That is the name that the deployment gave it, unless it had more than 240 characters, and it needs no watch of replica sets. Off:
    /// the owner of the replica set is asked for, which is watched, as it is for `k8s.deployment.uid` and for labels of deployments.
    pub deployment_name_from_replicaset: bool,
}

impl Default for ExtractConfig {
    fn default() -> Self {
        ExtractConfig {
            metadata: Metadata::DEFAULT.to_vec(),
            labels: Vec::new(),
            annotations: Vec::new(),
            otel_annotations: false,
            deployment_name_from_replicaset: true,
        }
    }
}

impl ExtractConfig {
    /// The attributes that are wanted.
    pub fn wants(&self) -> Wants {
        self.metadata.iter().copied().collect()
    }

    /// Whether a label or annotation of such an object is wanted.
    pub fn has_fields_of(&self, owner: Owner) -> bool {
        let mut all = self.labels.iter().chain(&self.annotations);
        all.any(|field| field.from() == owner)
    }

    /// Whether a pod may have an attribute of this name by it, whatever its containers.
    pub fn may_give(&self, name: &str) -> bool {
        let fields = |fields: &[FieldConfig], word: &str| {
            fields.iter().any(|field| match field.fixed_name(word) {
                Some(fixed) => fixed == name,
                // Of a group anything may come.
                None => {
                    field.is_named() || name.starts_with(&format!("k8s.{}.{word}.", field.from().as_str()))
                }
            })
        };
        let metadata = |metadata: &Metadata| metadata.as_str() == name && !metadata.is_of_container();
        self.otel_annotations
            || self.metadata.iter().any(metadata)
            || fields(&self.labels, "label")
            || fields(&self.annotations, "annotation")
    }

    fn is_empty(&self) -> bool {
        let fields = self.labels.is_empty() && self.annotations.is_empty();
        self.metadata.is_empty() && fields && !self.otel_annotations
    }

    /// Rules between keys.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.is_empty() {
            problems.push(Problem {
                path: vec!["extract".into()],
                message: "nothing is extracted".to_owned(),
                help: Some("name an attribute in `metadata`, or a label in `labels`".to_owned()),
            });
        }
        let mut seen = BTreeSet::new();
        for (place, metadata) in self.metadata.iter().enumerate() {
            if !seen.insert(metadata.as_str()) {
                problems.push(Problem {
                    path: vec!["extract".into(), "metadata".into(), place.to_string().into()],
                    message: format!("`{}` stands here twice", metadata.as_str()),
                    help: None,
                });
            }
        }
        problems.extend(self.doubles("labels", "label", &self.labels));
        problems.extend(self.doubles("annotations", "annotation", &self.annotations));
        problems
    }

    /// Entries that give an attribute which something else gives as well, so that it is open which one is meant.
    fn doubles(&self, list: &'static str, word: &str, fields: &[FieldConfig]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (place, field) in fields.iter().enumerate() {
            let key = match (field.is_named(), field.keys()) {
                (true, _) => "tag_name",
                (false, Keys::One(_)) => "key",
                (false, Keys::Matching(_)) => "key_regex",
            };
            let problem = |message: String, help: &str| Problem {
                path: vec![
                    "extract".into(),
                    list.into(),
                    place.to_string().into(),
                    key.into(),
                ],
                message,
                help: Some(help.to_owned()),
            };
            let mut earlier = fields.iter().take(place);
            if earlier.any(|other| other.gives_the_same(field, word)) {
                problems.push(problem(
                    format!(
                        "an entry above gives the same attribute of the same {}",
                        field.from().as_str()
                    ),
                    "give one of them another `tag_name`, or leave it out",
                ));
            }
            let name = field.fixed_name(word);
            let taken = self
                .metadata
                .iter()
                .find(|metadata| name.as_deref() == Some(metadata.as_str()));
            if let Some(metadata) = taken {
                problems.push(problem(
                    format!("`metadata` gives `{}` already", metadata.as_str()),
                    "leave it out there, or give this one another `tag_name`",
                ));
            }
        }
        problems
    }
}

impl FieldConfig {
    /// Whether both are about one object and give one attribute, whatever its labels.
    fn gives_the_same(&self, other: &FieldConfig, word: &str) -> bool {
        let name = self.fixed_name(word);
        let same = match name {
            Some(_) => name == other.fixed_name(word),
            None => self == other,
        };
        same && self.from() == other.from()
    }
}
