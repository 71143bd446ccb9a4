"""Measures with the Python SDK what it is told to, and exports it: `measure.py PLACE`.

A line `FIRST COUNT` on standard input is one measurement for each of COUNT attribute sets, numbered from FIRST on: of the counters for
all of them, of the other instruments for few. Everything is exported, and a line of what has been measured since the start answers, as
JSON: by the name of the metric, and for levels by the number of the set.
"""

import json
import sys
from collections import Counter as Tally

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

# Far above what is measured: the SDK has a limit of 2,000 of its own.
SDK_LIMIT = 1_000_000
# The instruments for few sets take part for one set in so many.
FEW = 20
PLAIN = {
    "http.request.method": "GET",
    "http.route": "/api/v1/orders/{id}",
    "http.response.status_code": 200,
    "url.scheme": "https",
    "server.address": "api-01",
    "server.port": 8443,
    "tenant": "north",
    "channel": "web",
    "release": 7,
}


def amount(number):
    """What is measured for the set of this number: small, whole, and not the same for all."""
    return number % 7 + 1


def provider(place, temporality):
    """A provider whose exporter prefers a temporality for all that can have it."""
    preferred = {Counter: temporality, Histogram: temporality}
    exporter = OTLPMetricExporter(
        endpoint=f"http://{place}", insecure=True, preferred_temporality=preferred, max_export_batch_size=10_000, timeout=60
    )
    limits = {each: SDK_LIMIT for each in (Counter, Histogram, UpDownCounter)}
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000, cardinality_limits=limits)
    resource = Resource.create({"service.name": "shop", "service.instance.id": "1"})
    views = [View(instrument_name="size.*", aggregation=ExponentialBucketHistogramAggregation(), aggregation_cardinality_limit=SDK_LIMIT)]
    return MeterProvider(metric_readers=[reader], resource=resource, views=views)


def main():
    [_, place] = sys.argv
    cumulative = provider(place, AggregationTemporality.CUMULATIVE)
    delta = provider(place, AggregationTemporality.DELTA)
    whole, parts = cumulative.get_meter("shop"), delta.get_meter("shop")
    many = {"orders": whole.create_counter("orders"), "orders.delta": parts.create_counter("orders.delta")}
    few = {}
    for name in ("latency", "size"):
        few[name] = whole.create_histogram(name)
        few[f"{name}.delta"] = parts.create_histogram(f"{name}.delta")
    level = whole.create_up_down_counter("open")
    sums, levels = Tally(), Tally()
    for line in sys.stdin:
        first, count = map(int, line.split())
        for number in range(first, first + count):
            attributes, value = {**PLAIN, "user.id": number}, amount(number)
            for name, counter in many.items():
                counter.add(value, attributes)
                sums[name] += value
            if number % FEW == 0:
                for name, histogram in few.items():
                    histogram.record(value, attributes)
                    sums[name] += value
                    sums[f"{name} count"] += 1
                change = value if number % 3 else -value
                level.add(change, attributes)
                levels[number] += change
        for each in (cumulative, delta):
            if not each.force_flush(300_000):
                sys.exit("the export failed")
        print(json.dumps({"sums": sums, "levels": levels}), flush=True)
    cumulative.shutdown()
    delta.shutdown()


if __name__ == "__main__":
    main()
