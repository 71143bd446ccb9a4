//! What the user writes.

mod access;
mod association;
mod extract;
mod fields;
mod filter;
mod metadata;
#[cfg(test)]
mod tests;
mod words;

pub use access::AuthType;
pub use association::{From, NAMESPACE, POD_NAME, RuleConfig, RuleTable, SOURCES_MAX, Source, SourceTable};
pub use extract::ExtractConfig;
pub use fields::{FieldConfig, FieldTable, Keys, Owner};
pub use filter::{FieldFilter, FieldOperation, FilterConfig, LabelFilter, LabelFilterTable, LabelOperation};
pub use metadata::{Metadata, Wants};
pub use words::{
    ApiServer, Expression, Field, FieldRule, Key, KeyRule, Namespace, NamespaceRule, Node, NodeRule, Rule,
    Seconds, ServerRule, Value, ValueRule, Variable, VariableRule, Word,
};

use forebay_core::registry::{Config, Problem};
use forebay_core::settings::{Budget, Ratio};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::path::PathBuf;

/// The config of a `k8s_attributes` processor.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct K8sAttributesConfig {
    /// How the API server is found, and who is asking.
    pub auth_type: AuthType,
    /// The API server, such as `"https://10.0.0.1:6443"`. Left out: the one that pods are told of by `KUBERNETES_SERVICE_HOST` and
    /// `KUBERNETES_SERVICE_PORT`. With `auth_type = "none"` it has to be said; a kubeconfig says it itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_server: Option<ApiServer>,
    /// The file with the bearer token, which is read again when it changes. Left out: that of the service account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The file with the certificates, in PEM, by which the API server is recognised; read again when it changes. Left out: that of the
    /// service account, or with `auth_type = "none"` those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The kubeconfig, with `auth_type = "kube_config"`. Left out: what `KUBECONFIG` names, or `~/.kube/config`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_config_path: Option<PathBuf>,
    /// The context of the kubeconfig. Left out: its current one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Whether resources only get `k8s.pod.ip`, the address that the request came from: for agents in front of a gateway that knows the
    /// pods. The API is not asked anything then.
    pub passthrough: bool,
    /// Whether nothing is received before all pods are known, for `wait_for_metadata_timeout` at most. Off: what comes before they are known
    /// passes as it is.
    pub wait_for_metadata: bool,
    /// How long that may take, 1s to 10m. After it data is received nonetheless, and the health of the node says what is not known yet.
    pub wait_for_metadata_timeout: Seconds<1, 600>,
    /// Which pods are watched. On an agent those of its own node.
    pub filter: FilterConfig,
    /// What becomes attributes of the resource.
    pub extract: ExtractConfig,
    /// How the pod is found that a resource came from: the first rule that finds one counts. Left out: by `k8s.pod.ip`, where an agent has
    /// put it, then by the address that the request came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pod_association: Vec<RuleConfig>,
    /// Pods whose data passes as it is. The annotation `opentelemetry.io/k8s-processor/ignore: "true"` does the same for a pod.
    #[serde(skip_serializing_if = "ExcludeConfig::is_empty")]
    pub exclude: ExcludeConfig,
    /// Whether an attribute that the resource has already gets the value that is known here. Off: it is kept.
    pub r#override: bool,
    /// For how long a pod that has ended or was deleted can still be found, 0s to 1h: for data that comes late.
    pub pod_delete_grace_period: Seconds<0, 3600>,
    /// The most memory that all it knows of the cluster takes: a size, or a share of the memory budget of the process. What has no room is
    /// not kept, and the health of the node says so. About 2 KiB for a pod.
    pub max_bytes: Budget,
}

impl Default for K8sAttributesConfig {
    fn default() -> Self {
        K8sAttributesConfig {
            auth_type: AuthType::default(),
            api_server: None,
            token_file: None,
            ca_file: None,
            kube_config_path: None,
            context: None,
            passthrough: false,
            wait_for_metadata: false,
            wait_for_metadata_timeout: Seconds::of(10),
            filter: FilterConfig::default(),
            extract: ExtractConfig::default(),
            pod_association: Vec::new(),
            exclude: ExcludeConfig::default(),
            r#override: false,
            pod_delete_grace_period: Seconds::of(120),
            max_bytes: Budget::Share(Ratio(0.1)),
        }
    }
}

/// Pods whose data passes as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExcludeConfig {
    /// By name: `[{ name = "^jaeger-agent" }]`.
    pub pods: Vec<ExcludePodConfig>,
}

impl ExcludeConfig {
    fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }
}

/// Pods by their names.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcludePodConfig {
    /// A regular expression that is found in the name; `^` and `$` anchor it.
    pub name: PodName,
}

/// A regular expression for names of pods.
#[derive(Clone, Debug, PartialEq)]
pub struct PodName(Expression);

impl PodName {
    /// Whether it is found in this name.
    pub fn matches(&self, name: &str) -> bool {
        self.0.regex().is_match(name)
    }
}

impl<'de> Deserialize<'de> for PodName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        if written.is_empty() {
            return Err(D::Error::custom(
                "`` is found in every name: no pod would be left",
            ));
        }
        Expression::anywhere(&written)
            .map(PodName)
            .map_err(D::Error::custom)
    }
}

impl Serialize for PodName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_str().serialize(serializer)
    }
}

impl JsonSchema for PodName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "PodName".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        String::json_schema(generator)
    }
}

impl Config for K8sAttributesConfig {
    fn check(&self) -> Vec<Problem> {
        if self.passthrough {
            return self.idle_keys();
        }
        let mut problems = self.access_problems();
        problems.extend(self.filter.problems());
        problems.extend(self.extract.problems());
        problems.extend(self.association_problems());
        problems
    }
}

impl K8sAttributesConfig {
    /// Keys that have no effect where the API is not asked anything.
    fn idle_keys(&self) -> Vec<Problem> {
        let usual = K8sAttributesConfig::default();
        let set = [
            ("auth_type", self.auth_type != usual.auth_type),
            ("api_server", self.api_server.is_some()),
            ("token_file", self.token_file.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("kube_config_path", self.kube_config_path.is_some()),
            ("context", self.context.is_some()),
            ("wait_for_metadata", self.wait_for_metadata),
            ("filter", self.filter != usual.filter),
            ("extract", self.extract != usual.extract),
            ("pod_association", !self.pod_association.is_empty()),
            ("exclude", !self.exclude.is_empty()),
        ];
        let set = set.into_iter().filter(|(_, set)| *set);
        set.map(|(key, _)| Problem {
            path: vec![key.into()],
            message: format!("`{key}` has no effect with `passthrough`: nothing is asked of the API, and only `k8s.pod.ip` is put"),
            help: Some("leave it out, or `passthrough`".to_owned()),
        })
        .collect()
    }

    fn association_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (place, rule) in self.pod_association.iter().enumerate() {
            let path = |more: &[String]| {
                let mut path: Vec<Cow<'static, str>> =
                    vec!["pod_association".into(), place.to_string().into()];
                path.extend(more.iter().cloned().map(Cow::Owned));
                path
            };
            if rule.lacks_namespace() && self.filter.namespace.is_none() {
                problems.push(Problem {
                    path: path(&["sources".to_owned()]),
                    message: "pods of several namespaces may have one name".to_owned(),
                    help: Some(format!(
                        "add the source {{ from = \"resource_attribute\", name = \"{NAMESPACE}\" }}, or set `filter.namespace`"
                    )),
                });
            }
            for (number, source) in rule.sources().iter().enumerate() {
                let name = source.attribute().unwrap_or_default();
                if !source.is_always_known() && !self.extract.may_give(name) {
                    problems.push(Problem {
                        path: path(&["sources".to_owned(), number.to_string(), "name".to_owned()]),
                        message: format!(
                            "`{name}` is not extracted, and so no pod has it: the rule would find none"
                        ),
                        help: Some("name it in `extract.metadata`, or leave the source out".to_owned()),
                    });
                }
            }
            let earlier = self
                .pod_association
                .iter()
                .take(place)
                .position(|other| other.covers(rule));
            if let Some(earlier) = earlier {
                problems.push(Problem {
                    path: path(&["sources".to_owned()]),
                    message: format!(
                        "this rule finds nothing that rule {} has not found before it",
                        earlier + 1
                    ),
                    help: Some("put the rule with more sources first, or leave it out".to_owned()),
                });
            }
        }
        problems
    }
}
