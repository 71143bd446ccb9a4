//! `forebay health`: whether a running Forebay is live, or ready.

use super::admin;
use crate::cli::{Exit, HealthArgs};
use crate::out::{Out, complain};

pub(crate) fn health(args: &HealthArgs, out: Out) -> Exit {
    let path = if args.ready { "/readyz" } else { "/livez" };
    match admin::get(args.admin, path) {
        Ok(page) if page.ok => out.print(&page.body, Exit::Done),
        Ok(page) => {
            complain(&page.body);
            Exit::Failed
        }
        Err(error) => {
            complain(&format!("error: http://{}{path}: {error}\n", args.admin));
            Exit::Failed
        }
    }
}
