//! What the user wrote, as it is asked of the cluster.

use super::config::{AuthType, K8sAttributesConfig};
use super::enrich::Plan;
use super::extraction::Extraction;
use crate::{Access, Scope, Settings, Wanted};
use forebay_core::ComponentError;
use std::path::PathBuf;

/// Where every pod has the files of its service account (Kubernetes documentation, "Access the Kubernetes API from a Pod").
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What is asked of whom.
///
/// # Errors
///
/// If an environment variable that the config names is not set.
pub(super) fn of(
    config: &K8sAttributesConfig,
    plan: &Plan,
    extraction: &Extraction,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Settings, ComponentError> {
    Ok(Settings {
        access: access(config, &variable)?,
        wanted: Wanted {
            kinds: extraction.kinds().clone(),
            pods_by_metadata: plan.needs_metadata_only(extraction),
            cluster_uid: extraction.wants_cluster(),
            scope: scope(config, &variable)?,
            grace: config.pod_delete_grace_period.get(),
        },
    })
}

fn scope(
    config: &K8sAttributesConfig,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Scope, ComponentError> {
    let filter = &config.filter;
    let node = match (&filter.node, &filter.node_from_env_var) {
        (Some(node), _) => Some(node.as_str().to_owned()),
        (None, Some(name)) => Some(set(name.as_str(), "filter.node_from_env_var", variable)?),
        (None, None) => None,
    };
    Ok(Scope {
        node,
        namespace: filter
            .namespace
            .as_ref()
            .map(|namespace| namespace.as_str().to_owned()),
        labels: filter.label_selector(),
        fields: filter.field_selector(),
    })
}

fn set(name: &str, key: &str, variable: &impl Fn(&str) -> Option<String>) -> Result<String, ComponentError> {
    variable(name).filter(|value| !value.is_empty()).ok_or_else(|| {
        ComponentError::new(format!(
            "`{key}` names the environment variable {name}, which is not set: without it the pods of all nodes would be followed. Set it \
             in the specification of the pod (`fieldRef: {{ fieldPath: spec.nodeName }}`)"
        ))
    })
}

fn access(
    config: &K8sAttributesConfig,
    variable: &impl Fn(&str) -> Option<String>,
) -> Result<Access, ComponentError> {
    let file = |name: &str| Some(PathBuf::from(format!("{SERVICE_ACCOUNT}/{name}")));
    let said = config
        .api_server
        .as_ref()
        .map(|server| server.as_str().to_owned());
    let own_files = config.token_file.is_some() || config.ca_file.is_some();
    Ok(match (config.auth_type, said) {
        (AuthType::KubeConfig, _) => Access::KubeConfig {
            path: config.kube_config_path.clone(),
            context: config.context.clone(),
        },
        (AuthType::None, said) => Access::Explicit {
            api_server: said.unwrap_or_default(),
            token_file: None,
            ca_file: config.ca_file.clone(),
        },
        (AuthType::ServiceAccount, None) if !own_files => Access::InCluster,
        (AuthType::ServiceAccount, said) => Access::Explicit {
            api_server: said.map_or_else(|| of_the_pod(variable), Ok)?,
            token_file: config.token_file.clone().or_else(|| file("token")),
            ca_file: config.ca_file.clone().or_else(|| file("ca.crt")),
        },
    })
}

/// Where pods are told that the API server is.
fn of_the_pod(variable: &impl Fn(&str) -> Option<String>) -> Result<String, ComponentError> {
    let said = |name: &str| variable(name).filter(|value| !value.is_empty());
    let address = said("KUBERNETES_SERVICE_HOST").zip(said("KUBERNETES_SERVICE_PORT"));
    let (host, port) = address.ok_or_else(|| {
        ComponentError::new(
            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this process does not run in a pod: set `api_server`",
        )
    })?;
    Ok(match host.contains(':') {
        true => format!("https://[{host}]:{port}"),
        false => format!("https://{host}:{port}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use std::collections::BTreeSet;
    use std::time::Duration;

    fn settings(text: &str, variables: &[(&str, &str)]) -> Result<Settings, ComponentError> {
        let config: K8sAttributesConfig = toml::from_str(text).unwrap();
        let extraction = Extraction::new(&config);
        let plan = Plan::new(&config, &extraction);
        of(&config, &plan, &extraction, |name| {
            let set = variables.iter().find(|(key, _)| *key == name);
            set.map(|(_, value)| (*value).to_owned())
        })
    }

    fn explicit(api_server: &str, token: Option<&str>, ca: Option<&str>) -> Access {
        Access::Explicit {
            api_server: api_server.to_owned(),
            token_file: token.map(PathBuf::from),
            ca_file: ca.map(PathBuf::from),
        }
    }

    #[test]
    fn who_asks_whom_is_what_was_written() {
        let pod = [
            ("KUBERNETES_SERVICE_HOST", "10.0.0.1"),
            ("KUBERNETES_SERVICE_PORT", "443"),
        ];
        let six = [
            ("KUBERNETES_SERVICE_HOST", "fd00::1"),
            ("KUBERNETES_SERVICE_PORT", "443"),
        ];
        let token = "/var/run/secrets/kubernetes.io/serviceaccount/token";
        let ca = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
        let cases = [
            ("", &pod, Access::InCluster),
            (
                "auth_type = 'kube_config'\ncontext = 'c'\nkube_config_path = '/k'",
                &pod,
                Access::KubeConfig {
                    path: Some("/k".into()),
                    context: Some("c".to_owned()),
                },
            ),
            (
                "auth_type = 'none'\napi_server = 'http://a:1'",
                &pod,
                explicit("http://a:1", None, None),
            ),
            (
                "api_server = 'https://a:1'",
                &pod,
                explicit("https://a:1", Some(token), Some(ca)),
            ),
            (
                "token_file = '/t'",
                &pod,
                explicit("https://10.0.0.1:443", Some("/t"), Some(ca)),
            ),
            (
                "ca_file = '/c'",
                &six,
                explicit("https://[fd00::1]:443", Some(token), Some("/c")),
            ),
        ];
        for (text, variables, expected) in cases {
            assert_eq!(settings(text, variables).unwrap().access, expected, "{text}");
        }
        let error = settings("token_file = '/t'", &[]).unwrap_err().to_string();
        assert!(error.contains("KUBERNETES_SERVICE_HOST"), "{error}");
    }

    #[test]
    fn what_is_asked_is_what_is_wanted() {
        let text = "pod_delete_grace_period = '5m'\n\
            filter = { node_from_env_var = 'NODE', namespace = 'shop', labels = [{ key = 'a', op = 'exists' }], \
            fields = [{ key = 'status.phase', value = 'Running' }] }\n\
            extract.metadata = ['k8s.node.uid', 'k8s.cluster.uid', 'k8s.pod.name']";
        let wanted = settings(text, &[("NODE", "node-1")]).unwrap().wanted;
        let expected = Wanted {
            kinds: BTreeSet::from([Kind::Node]),
            pods_by_metadata: false,
            cluster_uid: true,
            scope: Scope {
                node: Some("node-1".to_owned()),
                namespace: Some("shop".to_owned()),
                labels: Some("a".to_owned()),
                fields: Some("status.phase=Running".to_owned()),
            },
            grace: Duration::from_secs(300),
        };
        assert_eq!(wanted, expected);
        for variables in [&[][..], &[("NODE", "")]] {
            let error = settings(text, variables).unwrap_err().to_string();
            assert!(
                error.starts_with("`filter.node_from_env_var` names the environment variable NODE"),
                "{error}"
            );
        }
        let scope = settings("filter.node = 'node-2'", &[]).unwrap().wanted.scope;
        assert_eq!(scope.node.as_deref(), Some("node-2"));
    }
}
