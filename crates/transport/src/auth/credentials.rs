//! How a client proves who it is.

use super::oauth2::OAuth2;
use super::secret::{load, only};
use crate::client::CallError;
use crate::watch::{Content, Following, Kept, Watched};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_core::component::NodeContext;
use forebay_core::settings::{BasicCredentialsConfig, CredentialsConfig};
use forebay_core::{Clock, ComponentError, Phase};
use http::HeaderValue;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The `authorization` header of a client's requests. Cheap to clone: every clone is the same.
#[derive(Clone)]
pub struct Credentials(Arc<Kind>);

enum Kind {
    Fixed {
        header: Arc<Kept<HeaderValue>>,
        interval: Duration,
    },
    OAuth2(Arc<OAuth2>),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.0 {
            Kind::Fixed { .. } => "Credentials",
            Kind::OAuth2(_) => "Credentials(OAuth2)",
        })
    }
}

impl Credentials {
    /// Reads the secrets. Blocks, for as long as reading a small file takes. With OAuth2 no token is fetched yet.
    ///
    /// # Errors
    ///
    /// If there is no credential, or more than one, a secret is empty, or a file cannot be read. The words name the key or the
    /// file, and show nothing of its content.
    pub fn load(config: &CredentialsConfig) -> Result<Self, ComponentError> {
        let bearer = config.bearer_token.is_some() || config.token_file.is_some();
        let interval = config.reload_interval.0;
        let kind = match (bearer, &config.basic, &config.oauth2) {
            (true, None, None) => {
                let token = ("bearer_token", config.bearer_token.as_ref());
                let file = ("token_file", config.token_file.as_ref());
                let header = load(token, file, |content| {
                    sensitive("Bearer", only(content)?, content)
                })?;
                Kind::Fixed { header, interval }
            }
            (false, Some(user), None) => Kind::Fixed {
                header: basic(user)?,
                interval,
            },
            (false, None, Some(oauth2)) => Kind::OAuth2(Arc::new(OAuth2::load(oauth2, interval)?)),
            _ => {
                return Err(ComponentError::new(
                    "an exporter proves who it is in exactly one way: set one of `bearer_token`, `token_file`, `basic` and `oauth2`",
                ));
            }
        };
        Ok(Credentials(Arc::new(kind)))
    }

    /// The value of the `authorization` header now, marked as sensitive. Nothing as long as no token has been fetched, and once
    /// the last one has expired or was refused.
    pub fn header(&self) -> Option<HeaderValue> {
        match &*self.0 {
            Kind::Fixed { header, .. } => Some(HeaderValue::clone(&header.current())),
            Kind::OAuth2(oauth2) => oauth2.header(),
        }
    }

    /// The same, waiting for a token while the first one, or one in the place of a refused one, is being fetched.
    ///
    /// # Errors
    ///
    /// [`CallError::Unreachable`] if the authorization server gave none when it was asked last, with the time until it is asked
    /// again.
    pub async fn obtain(&self, clock: &Clock) -> Result<HeaderValue, CallError> {
        match &*self.0 {
            Kind::Fixed { header, .. } => Ok(HeaderValue::clone(&header.current())),
            Kind::OAuth2(oauth2) => oauth2.obtain(clock).await,
        }
    }

    /// The destination has refused the header (401, UNAUTHENTICATED). Whether it is worth trying once more: a token that was
    /// fetched is replaced, unless it is so new that another one would be no better; the others change with their files only.
    pub fn refused(&self) -> bool {
        match &*self.0 {
            Kind::Fixed { .. } => false,
            Kind::OAuth2(oauth2) => oauth2.refused(),
        }
    }

    /// Starts the tasks of `node` that follow the files and fetch tokens, until the process stops.
    ///
    /// # Errors
    ///
    /// If no client for the authorization server can be made.
    pub fn watch(&self, node: &NodeContext) -> Result<(), ComponentError> {
        match &*self.0 {
            Kind::Fixed { header, interval } => {
                follow(Arc::clone(header) as _, *interval, node);
                Ok(())
            }
            Kind::OAuth2(oauth2) => OAuth2::start(oauth2, node),
        }
    }
}

/// Follows one file.
pub(super) fn follow(watched: Arc<dyn Watched>, interval: Duration, node: &NodeContext) {
    let following = Following {
        interval,
        until: Phase::Stopped,
        watched: vec![watched],
        renewed: Box::new(|| {}),
    };
    following.start(node);
}

fn basic(config: &BasicCredentialsConfig) -> Result<Arc<Kept<HeaderValue>>, ComponentError> {
    let user = config.username.clone();
    let password = ("password", config.password.as_ref());
    let file = ("password_file", config.password_file.as_ref());
    load(password, file, move |content| {
        let pair = format!("{user}:{}", only(content)?);
        sensitive("Basic", &STANDARD.encode(pair), content)
    })
}

/// A header's value that is never printed.
fn sensitive(scheme: &str, secret: &str, content: &Content<'_>) -> Result<HeaderValue, ComponentError> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {secret}")).map_err(|_| {
        let from = content.source;
        ComponentError::new(format!("{from} holds something that cannot stand in a header"))
    })?;
    value.set_sensitive(true);
    Ok(value)
}
