//! `null`: takes everything and throws it away.

mod config;
#[cfg(test)]
mod tests;

pub use config::NullConfig;

use forebay_core::SignalSet;
use forebay_core::component::{ComponentError, ExportError, Exporter, NodeContext, Receipt, Request};
use forebay_core::registry::{About, Bounds, ExporterDeclaration, ExporterFactory};
use futures_util::future::{BoxFuture, ready};

/// Makes `null` exporters.
#[derive(Debug)]
pub struct NullFactory;

impl ExporterFactory for NullFactory {
    type Config = NullConfig;

    const ABOUT: About = About {
        kind: "null",
        summary: "Takes traces, metrics and logs and throws them away.",
        details: "For measuring what the rest of a graph can carry, and as the end of a branch that is wanted for its \
                  side effects only. What it takes is counted as delivered: senders are told that all is well. It costs \
                  one small allocation for each request and reads nothing.",
        example: include_str!("example.toml"),
    };

    fn declare(config: &NullConfig) -> ExporterDeclaration {
        ExporterDeclaration {
            inputs: SignalSet::ALL,
            delivery: config.delivery(),
            bounds: Bounds::default(),
            takes_custody: false,
        }
    }

    fn build(_: NullConfig) -> Result<Box<dyn Exporter>, ComponentError> {
        Ok(Box::new(Null))
    }
}

#[derive(Debug)]
struct Null;

impl Exporter for Null {
    fn start(&self, _: &NodeContext) -> Result<(), ComponentError> {
        Ok(())
    }

    fn export<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Receipt, ExportError>> {
        Box::pin(ready(Ok(Receipt::default())))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), ComponentError>> {
        Box::pin(ready(Ok(())))
    }
}
