"""What a destination makes of metrics that arrive: the sum over all series of each metric.

Cumulative points count by what they have grown since the last point of their series; a series that begins again, at a new start
time, counts from zero. Of levels (gauges, sums that may go down) the latest value of each series counts.
"""

from collections import defaultdict

DELTA = 1


class Totals:
    """Takes requests in the order in which they arrive."""

    def __init__(self):
        self.sums = defaultdict(int)
        self.last = {}
        self.levels = {}
        self.series = defaultdict(set)
        self.points = 0

    def add(self, request):
        for resource in request.resource_metrics:
            identity = resource.resource.SerializeToString(deterministic=True)
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    self.add_metric((identity, scope.scope.name, metric.name), metric)

    def add_metric(self, stream, metric):
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind)
        name = metric.name
        for point in data.data_points:
            self.points += 1
            series = (stream, attributes(point))
            self.series[name].add(series)
            if kind == "gauge" or (kind == "sum" and not data.is_monotonic):
                self.levels[series] = number(point)
            elif kind == "sum":
                self.grow(name, series, point, number(point), data.aggregation_temporality)
            else:
                self.grow(name, (series, "sum"), point, point.sum, data.aggregation_temporality)
                self.grow(f"{name} count", (series, "count"), point, point.count, data.aggregation_temporality)

    def grow(self, name, series, point, value, temporality):
        if temporality == DELTA:
            self.sums[name] += value
            return
        start, before = self.last.get(series, (None, 0))
        if start != point.start_time_unix_nano:
            before = 0
        if value < before:
            raise ValueError(f"{name} fell from {before} to {value} without a new start: {series}")
        self.sums[name] += value - before
        self.last[series] = (point.start_time_unix_nano, value)

    def total(self, name):
        """The sum over all series of a metric; of a histogram `NAME count` is its count."""
        levels = [value for (stream, _), value in self.levels.items() if stream[2] == name]
        return sum(levels) if levels else self.sums[name]

    def overflows(self, name):
        """How many series of a metric are overflow series."""
        return sum(1 for _, found in self.series[name] if found == (("otel.metric.overflow", True),))


def number(point):
    return getattr(point, point.WhichOneof("value"))


def attributes(point):
    def value(any_value):
        kind = any_value.WhichOneof("value")
        return getattr(any_value, kind) if kind else None

    return tuple(sorted((each.key, value(each.value)) for each in point.attributes))
