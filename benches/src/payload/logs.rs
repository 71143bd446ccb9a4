//! Log records of a service, in the context of a span.

use super::{Builder, attributes};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use std::ops::Range;

impl Builder {
    pub(super) fn logs(mut self, items: usize) -> ExportLogsServiceRequest {
        let resource_logs = Builder::groups(items)
            .map(|group| self.resource_logs(group))
            .collect();
        ExportLogsServiceRequest { resource_logs }
    }

    fn resource_logs(&mut self, group: Range<usize>) -> ResourceLogs {
        let resource = Some(self.resource());
        let log_records = group.map(|index| self.log_record(index)).collect();
        let scope = Some(attributes::scope("com.example.shop.OrderService"));
        let scope_logs = vec![ScopeLogs {
            scope,
            log_records,
            ..ScopeLogs::default()
        }];
        ResourceLogs {
            resource,
            scope_logs,
            ..ResourceLogs::default()
        }
    }

    fn log_record(&mut self, index: usize) -> LogRecord {
        let time = self.time();
        let order = self.random.u32(..10_000_000);
        let body = format!(
            "order {order:07} accepted, reserving stock in warehouse {:02}",
            self.random.u8(..20)
        );
        LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: time + 1_000_000,
            severity_number: 9,
            severity_text: "INFO".to_owned(),
            body: Some(attributes::any(body)),
            attributes: vec![
                attributes::text("code.function.name", "com.example.shop.OrderService.accept"),
                attributes::int("code.line.number", self.random.i64(20..400)),
                attributes::text(
                    "thread.name",
                    format!("http-nio-8443-exec-{:02}", self.random.u8(..64)),
                ),
                attributes::int("thread.id", self.random.i64(20..128)),
                attributes::text("order.id", format!("{order:07}")),
                attributes::text("enduser.id", format!("{:08x}", self.random.u32(..))),
            ],
            trace_id: self.trace_id(),
            span_id: self.item_bits(index).to_be_bytes().to_vec(),
            flags: 1,
            ..LogRecord::default()
        }
    }
}
