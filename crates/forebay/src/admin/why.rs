//! `/why/TRACE_ID`: what the processors that decide on traces know of one.

use super::Admin;
use super::pages::{json, text};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;

/// What the path begins with.
pub(super) const PATH: &str = "/why/";

impl Admin {
    /// Asks all workers about the trace that `path` names.
    pub(super) async fn why(&self, path: &str) -> Response<Full<Bytes>> {
        let Some(trace) = path.strip_prefix(PATH).and_then(trace_id) else {
            let words = "a trace id has 32 hexadecimal digits: /why/0af7651916cd43dd8448eb211c80319c\n";
            return text(StatusCode::BAD_REQUEST, words);
        };
        let reports = self.running.trace(trace).await;
        if reports.found.is_empty() {
            return match reports.silent {
                0 => text(
                    StatusCode::NOT_FOUND,
                    "no processor knows of this trace: it has not come, or has been forgotten\n",
                ),
                silent => {
                    let words =
                        format!("{silent} workers did not answer in time; no other knows of this trace\n");
                    text(StatusCode::SERVICE_UNAVAILABLE, &words)
                }
            };
        }
        json(&reports.found)
    }
}

fn trace_id(text: &str) -> Option<[u8; 16]> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok()?;
    digits.then(|| number.to_be_bytes())
}
