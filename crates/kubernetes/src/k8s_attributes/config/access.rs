//! How the API server is reached.

use super::K8sAttributesConfig;
use forebay_core::registry::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How the API server is found, and who is asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AuthType {
    /// As pods do: with the token and the certificates that every pod is given.
    #[default]
    ServiceAccount,
    /// As `kubectl` does: with what a kubeconfig says.
    KubeConfig,
    /// Without saying who is asking: for proxies that do so, and for tests.
    None,
}

impl K8sAttributesConfig {
    /// Keys that do not go with `auth_type`, or that it lacks.
    pub(super) fn access_problems(&self) -> Vec<Problem> {
        use AuthType::{KubeConfig, None as Nobody, ServiceAccount};
        let keys: [(&'static str, bool, &[AuthType]); 5] = [
            ("api_server", self.api_server.is_some(), &[ServiceAccount, Nobody]),
            ("ca_file", self.ca_file.is_some(), &[ServiceAccount, Nobody]),
            ("token_file", self.token_file.is_some(), &[ServiceAccount]),
            ("kube_config_path", self.kube_config_path.is_some(), &[KubeConfig]),
            ("context", self.context.is_some(), &[KubeConfig]),
        ];
        let word = match self.auth_type {
            ServiceAccount => "service_account",
            KubeConfig => "kube_config",
            Nobody => "none",
        };
        let misplaced = keys
            .iter()
            .filter(|(_, set, of)| *set && !of.contains(&self.auth_type));
        let mut problems: Vec<Problem> = misplaced
            .map(|(key, ..)| Problem {
                path: vec![(*key).into()],
                message: format!("`{key}` has no effect with `auth_type = \"{word}\"`"),
                help: Some("leave it out, or set another `auth_type`".to_owned()),
            })
            .collect();
        if self.auth_type == Nobody && self.api_server.is_none() {
            problems.push(Problem {
                path: vec!["auth_type".into()],
                message: "it is not known where the API server is".to_owned(),
                help: Some("set `api_server`".to_owned()),
            });
        }
        problems.extend(self.token_in_clear());
        problems
    }

    /// A token that everybody on the way could read.
    fn token_in_clear(&self) -> Option<Problem> {
        let server = self.api_server.as_ref()?;
        let clear = self.auth_type == AuthType::ServiceAccount && server.as_str().starts_with("http:");
        (clear && !is_local(server.as_str())).then(|| Problem {
            path: vec!["api_server".into()],
            message: "the token would go over the network in clear text".to_owned(),
            help: Some("write `https://`".to_owned()),
        })
    }
}

/// Whether a URL leads to this machine.
fn is_local(url: &str) -> bool {
    let Ok(address) = url.parse::<http::Uri>() else {
        return false;
    };
    let host = address.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
