//! Spans of HTTP servers, five to a trace.

use super::{Builder, attributes};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind};
use std::ops::Range;

const SPANS_PER_TRACE: usize = 5;

impl Builder {
    pub(super) fn traces(mut self, items: usize) -> ExportTraceServiceRequest {
        let (mut trace_id, mut root) = (Vec::new(), Vec::new());
        let mut span = |builder: &mut Builder, position: usize, index| {
            if position.is_multiple_of(SPANS_PER_TRACE) {
                trace_id = builder.trace_id();
                root = Vec::new();
            }
            let span = builder.span(index, trace_id.clone(), root.clone());
            if root.is_empty() {
                root.clone_from(&span.span_id);
            }
            span
        };
        let resource_spans = Builder::groups(items)
            .map(|group| self.resource_spans(group, &mut span))
            .collect();
        ExportTraceServiceRequest { resource_spans }
    }

    /// The spans of a group with their resource and scope. `span` is given each one's position in the group and its index in
    /// the request.
    pub(super) fn resource_spans(
        &mut self,
        group: Range<usize>,
        mut span: impl FnMut(&mut Builder, usize, usize) -> Span,
    ) -> ResourceSpans {
        let resource = Some(self.resource());
        let spans = group
            .enumerate()
            .map(|(position, index)| span(self, position, index))
            .collect();
        let scope = Some(attributes::scope("io.opentelemetry.tomcat-10.0"));
        let scope_spans = vec![ScopeSpans {
            scope,
            spans,
            ..ScopeSpans::default()
        }];
        ResourceSpans {
            resource,
            scope_spans,
            schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
        }
    }

    fn span(&mut self, index: usize, trace_id: Vec<u8>, parent_span_id: Vec<u8>) -> Span {
        let start = self.time();
        Span {
            trace_id,
            span_id: self.item_bits(index).to_be_bytes().to_vec(),
            parent_span_id,
            flags: 1,
            name: self
                .pick(&["GET /api/v1/carts/{id}", "PUT /api/v1/orders/{id}"])
                .to_owned(),
            kind: SpanKind::Server as i32,
            start_time_unix_nano: start,
            end_time_unix_nano: start + self.random.u64(100_000..80_000_000),
            attributes: self.http_server(),
            status: Some(Status::default()),
            ..Span::default()
        }
    }
}
