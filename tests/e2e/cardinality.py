"""An SDK measures a hundred thousand attribute sets, a limit of two thousand lets none of it get lost: for each metric the sum over
all series that arrive is what was measured, before the limit, at it, beyond it, and across a restart of the sender."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from backend import Backend
from process import PATIENCE, Forebay, check
from totals import Totals

HERE = Path(__file__).parent
LIMIT = 2000
SETS = 100_000
COUNTERS = ("orders", "orders.delta")
HISTOGRAMS = ("latency", "latency.delta", "size", "size.delta")

CONFIG = """
[admin]
listen = "127.0.0.1:0"

[memory]
budget = "512MiB"

[receivers.otlp]
grpc.listen = "127.0.0.1:0"
http.listen = "127.0.0.1:0"

[processors.guard]
type = "cardinality_limit"
limit = {limit}
max_bytes = "128MiB"

[exporters.backend]
type = "otlp_grpc"
endpoint = "http://{backend}"

[pipelines.all]
from = ["otlp.metrics"]
via = ["guard"]
to = ["backend"]
"""


class Summing(Backend):
    """Adds up what arrives and keeps nothing else."""

    def __init__(self):
        self.totals = Totals()
        super().__init__()

    def take(self, signal, request, form):
        with self.lock:
            self.totals.add(request)


class Sender:
    """A process that measures, until the end of a `with`. What it has measured is added up over its predecessors."""

    def __init__(self, place, before=None):
        self.before = before or {"sums": {}, "levels": {}}
        self.measured = self.before
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "measure.py"), place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=PATIENCE)
        check(self.process.returncode == 0, f"the sender ended with {self.process.returncode}")

    def measure(self, first, count):
        self.process.stdin.write(f"{first} {count}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        check(line, "the sender has ended")
        mine = json.loads(line)
        # Counts go on where those of the predecessor ended; levels are what was said last.
        self.measured = {
            "sums": Counter(self.before["sums"]) + Counter(mine["sums"]),
            "levels": {**self.before["levels"], **mine["levels"]},
        }


def compare(when, backend, sender):
    """Checks that what has arrived is what was measured."""
    with backend.lock:
        for name, expected in sender.measured["sums"].items():
            found = backend.totals.total(name)
            check(found == expected, f"{when}: {name}: {expected} was measured, {found} arrived")
        expected, found = sum(sender.measured["levels"].values()), backend.totals.total("open")
        check(found == expected, f"{when}: open: the levels are {expected}, those that arrived {found}")


def series_within_limits(backend, overflowing):
    """Checks how many series of each metric have arrived."""
    with backend.lock:
        for name in (*COUNTERS, *HISTOGRAMS, "open"):
            count, overflows = len(backend.totals.series[name]), backend.totals.overflows(name)
            check(count <= LIMIT + 1, f"{name} has {count} series")
            check(overflows == overflowing, f"{name} has {overflows} overflow series, not {overflowing}")


def cardinality(binary):
    """An SDK with a hundred thousand attribute sets, a limit of two thousand."""
    backend = Summing()
    try:
        with Forebay(binary, CONFIG.format(backend=backend.grpc, limit=LIMIT)) as forebay:
            with Sender(forebay.grpc) as sender:
                sender.measure(0, 1000)
                compare("before the limit", backend, sender)
                series_within_limits(backend, 0)
                sender.measure(1000, SETS - 1000)
                compare("at the limit", backend, sender)
                series_within_limits(backend, 1)
                received = forebay.status()["total"]["received"]
                # Each counter's set has a point of its own: the SDK has folded none.
                check(received >= 2 * SETS, f"the SDK sent {received} points only")
                sender.measure(SETS // 2, 2000)
                compare("beyond the limit", backend, sender)
            with Sender(forebay.grpc, sender.measured) as again:
                again.measure(0, 1000)
                compare("after a restart", backend, again)
                again.measure(SETS // 2, SETS // 2)
                compare("beyond the limit after a restart", backend, again)
            series_within_limits(backend, 1)
            status = forebay.status()
            check(status["unaccounted"] == 0, "items are unaccounted for")
            total = status["total"]
        points = backend.totals.points
        return f"{total['received']} points of {SETS} sets, {points} arrived, all sums are what was measured"
    finally:
        backend.stop()
