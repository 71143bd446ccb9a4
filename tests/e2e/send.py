"""Sends all three signals with the Python SDK, each request to two places at once: `send.py PROTOCOL PLACE PLACE`."""

import os
import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

RESOURCE = Resource.create({"service.name": "shop", "service.instance.id": "1", "host.cpus": 4, "zones": ["a", "b"]})
ATTRIBUTES = {"text": "caf\u00e9 \u2603", "whole": -7, "large": 2**62, "half": 0.5, "yes": True, "list": [1, 2, 3]}


def exporters(protocol):
    """The SDK's exporters for a protocol, as functions of a place and a signal."""
    if protocol == "grpc":
        from grpc import Compression
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        types = {"traces": OTLPSpanExporter, "metrics": OTLPMetricExporter, "logs": OTLPLogExporter}
        return lambda place, signal, **more: types[signal](
            endpoint=f"http://{place}", insecure=True, compression=Compression.Gzip, **more
        )
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    types = {"traces": OTLPSpanExporter, "metrics": OTLPMetricExporter, "logs": OTLPLogExporter}
    return lambda place, signal, **more: types[signal](
        endpoint=f"http://{place}/v1/{signal}", compression=Compression.Gzip, **more
    )


def tee(base, exporters, **more):
    """One exporter that gives the same data to several, and fails if any of them does."""

    class Tee(base):
        def __init__(self):
            super().__init__(**more)

        def export(self, data, *arguments, **options):
            for exporter in exporters:
                result = exporter.export(data, *arguments, **options)
                if result.name != "SUCCESS":
                    print(f"{exporter} says {result}", file=sys.stderr)
                    sys.stderr.flush()
                    # The SDK would go on: an exception in its thread is only logged.
                    os._exit(1)
            return result

        def shutdown(self, *_, **__):
            for exporter in exporters:
                exporter.shutdown()

        def force_flush(self, *_, **__):
            return True

    return Tee()


def send_traces(exporter):
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("checkout", "1.2.3", schema_url="https://opentelemetry.io/schemas/1.27.0")
    for order in range(20):
        with tracer.start_as_current_span("order", kind=trace.SpanKind.SERVER, attributes=ATTRIBUTES) as parent:
            link = trace.Link(parent.get_span_context(), {"why": "it began here"})
            with tracer.start_as_current_span(f"pay {order}", links=[link], kind=trace.SpanKind.CLIENT) as child:
                child.add_event("retry", {"attempt": order})
                child.record_exception(ValueError("no money"))
                child.set_status(trace.Status(trace.StatusCode.ERROR, "declined"))
    provider.shutdown()


def send_metrics(exporter):
    views = [View(instrument_name="size", aggregation=ExponentialBucketHistogramAggregation())]
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider(metric_readers=[reader], resource=RESOURCE, views=views)
    meter = provider.get_meter("warehouse", "4.5.6")
    stock = [Observation(3, {"shelf": 1}), Observation(2.5, {"shelf": 2})]
    meter.create_observable_gauge("stock", [lambda _: stock])
    counter, level = meter.create_counter("sold", "1", "Items sold"), meter.create_up_down_counter("level")
    duration, size = meter.create_histogram("duration", "s"), meter.create_histogram("size", "By")
    for item in range(50):
        counter.add(item, {"kind": item % 3, **ATTRIBUTES})
        level.add(-1 if item % 2 else 2)
        duration.record(item / 10, {"route": "/items"})
        size.record(item * 1000.5)
    provider.shutdown()


def send_logs(exporter):
    provider = LoggerProvider(resource=RESOURCE)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = provider.get_logger("audit", "7.8.9")
    bodies = ["sold", 42, 1.5, True, None, b"\x00\xff", ["a", {"b": [1, "c"]}], {"deep": {"er": [None, 0]}}]
    for number, body in enumerate(bodies * 4):
        record = LogRecord(
            timestamp=1_748_736_000_000_000_000 + number,
            observed_timestamp=1_748_736_000_000_000_500 + number,
            severity_number=SeverityNumber.WARN2,
            severity_text="WARN2",
            body=body,
            attributes=ATTRIBUTES,
            event_name=f"event.{number}",
        )
        logger.emit(record)
    provider.shutdown()


def main():
    protocol, *places = sys.argv[1:]
    make = exporters(protocol)
    send_traces(tee(SpanExporter, [make(place, "traces") for place in places]))
    # The temporality is the exporter's to say, and the reader asks the one it knows.
    delta = {Counter: AggregationTemporality.DELTA}
    send_metrics(tee(MetricExporter, [make(place, "metrics") for place in places], preferred_temporality=delta))
    send_logs(tee(LogRecordExporter, [make(place, "logs") for place in places]))


main()
