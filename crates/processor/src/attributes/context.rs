//! What is known of a batch's sender, as attribute values.

use forebay_core::Origin;
use forebay_otlp::edit::AttributeValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be known of a sender. It comes from the receiver's `auth` table and from the connection, never from what the
/// sender says of itself. The names are those of the Collector's `from_context`, where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Known {
    /// The `name` of the credential that the sender has shown.
    #[serde(rename = "auth.name")]
    Name,
    /// The `tenant` of the credential that the sender has shown.
    #[serde(rename = "auth.tenant")]
    Tenant,
    /// The address that the sender's connection came from, without the port.
    #[serde(rename = "client.address")]
    Address,
}

impl Known {
    /// Its value as the body of an `AnyValue`, added to `out`. False, and nothing added, where it is not known.
    pub(crate) fn encode(self, origin: &Origin, out: &mut Vec<u8>) -> bool {
        let identity = origin.identity.as_deref();
        let mut text = |text: &str| AttributeValue::String(text).encode(out);
        match self {
            Known::Name => identity.map(|identity| text(&identity.name)).is_some(),
            Known::Tenant => identity
                .and_then(|identity| identity.tenant.as_deref())
                .map(text)
                .is_some(),
            Known::Address => origin
                .peer
                .map(|peer| text(&peer.ip().to_canonical().to_string()))
                .is_some(),
        }
    }
}
