"""Services with an SDK, an agent tier that balances by trace id, a gateway tier that samples whole traces: what is kept lands
whole behind one gateway, what is not kept lands nowhere, and nothing is unaccounted for.

The configs are those of `configs/`; addresses stand in their variables, and a list of gateways stands where a cluster has a
name in DNS.
"""

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from backend import Backend
from process import PATIENCE, Forebay, check

HERE = Path(__file__).parent
CONFIGS = HERE.parent.parent / "configs"
SERVICES = ("storefront", "checkout", "warehouse")
GATEWAYS = 3
ORDERS = [("failing", number) for number in range(20)] + [("slow", number) for number in range(20)]
ORDERS += [("plain", number) for number in range(200)]
# A server's and a client's span at the first two services, a server's and an internal one at the last.
SPANS = 6
LOCAL = {"SAMPLING_QUIET": "1s", "FOREBAY_MEMORY_BUDGET": "256MiB", "FOREBAY_ADMIN_LISTEN": "127.0.0.1:0"}


class Service:
    """A process of `shop.py` until the end of a `with`."""

    def __init__(self, name, collector, following):
        words = [sys.executable, str(HERE / "shop.py"), name, collector, *following]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.place = f"127.0.0.1:{self.process.stdout.readline().strip()}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate(timeout=PATIENCE)


def config(name):
    """A config whose receivers listen on any free port."""
    text = (CONFIGS / name).read_text()
    return re.sub(r":43(17|18)\"$", ":0\"", text, flags=re.MULTILINE)


def order(place, kind, number):
    try:
        with urllib.request.urlopen(f"http://{place}/order/{kind}/{number}", timeout=PATIENCE):
            return
    except urllib.error.HTTPError as error:
        check(kind == "failing" and error.code == 500, f"{kind} order {number}: {error}")


def shop(collector):
    """Runs the services, sends them all orders, and ends them."""
    with ExitStack() as stack:
        following = []
        for name in reversed(SERVICES):
            following = [stack.enter_context(Service(name, collector, following)).place]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda each: order(following[0], *each), ORDERS))


def spans_by_trace(backend):
    """Of each trace that arrived: the names of services, and attributes, of its spans."""
    traces = defaultdict(list)
    for request in backend.requests["traces"]:
        for resource in request.resource_spans:
            names = [each.value.string_value for each in resource.resource.attributes if each.key == "service.name"]
            for scope in resource.scope_spans:
                for span in scope.spans:
                    kinds = [each.value.string_value for each in span.attributes if each.key == "order.kind"]
                    traces[span.trace_id].append((*names, *kinds))
    return traces


def until_nothing_is_held(processes):
    """Waits for all decisions; what each process has received, for the words at the end."""
    deadline = time.monotonic() + PATIENCE
    while any(process.status()["total"]["held"] for process in processes):
        check(time.monotonic() < deadline, "traces are held for ever")
        time.sleep(0.05)
    for process in processes:
        check(process.status()["unaccounted"] == 0, "items are unaccounted for")
    return [process.status()["total"]["received"] for process in processes]


def compare(backends):
    """Checks what landed; how many traces of each kind."""
    kinds, where = Counter(), Counter()
    for backend in backends:
        for trace, spans in spans_by_trace(backend).items():
            where[trace] += 1
            services = Counter(service for service, *_ in spans)
            check(len(spans) == SPANS and set(services) == set(SERVICES), f"trace {trace.hex()} has only {services}")
            [kind] = {kind for _, *kinds_of_span in spans for kind in kinds_of_span}
            kinds[kind] += 1
    check(set(where.values()) <= {1}, "a trace landed behind several gateways")
    for kind in ("failing", "slow"):
        expected = sum(1 for each, _ in ORDERS if each == kind)
        check(kinds[kind] == expected, f"{kinds[kind]} of {expected} {kind} traces were kept")
    plain = sum(1 for each, _ in ORDERS if each == "plain")
    check(kinds["plain"] < plain / 2, f"{kinds['plain']} of {plain} plain traces were kept")
    return kinds


def tiers(binary):
    """Three services, an agent, three gateways."""
    backends = [Backend() for _ in range(GATEWAYS)]
    try:
        with ExitStack() as stack:
            gateways = []
            for backend in backends:
                variables = {**LOCAL, "OBSERVABILITY_ENDPOINT": f"http://{backend.grpc}"}
                gateways.append(stack.enter_context(Forebay(binary, config("gateway-tail.toml"), variables)))
            hosts = ", ".join(f'"{gateway.grpc}"' for gateway in gateways)
            agent_config, replaced = re.subn(
                r"^resolver = .*$", f'resolver = {{ static = {{ hostnames = [{hosts}] }} }}', config("agent-balanced.toml"), flags=re.MULTILINE
            )
            check(replaced == 1, "agent-balanced.toml has no resolver in one line")
            agent = stack.enter_context(Forebay(binary, agent_config, LOCAL))
            shop(agent.grpc)
            received = until_nothing_is_held([agent, *gateways])
            kinds = compare(backends)
        total = len(ORDERS) * SPANS
        check(received[0] == total and sum(received[1:]) == total, f"of {total} spans the tiers received {received}")
        kept = ", ".join(f"{kinds[kind]} {kind}" for kind in ("failing", "slow", "plain"))
        return f"{len(ORDERS)} traces over {len(SERVICES)} services, {received[1:]} spans at the gateways, kept {kept}"
    finally:
        for backend in backends:
            backend.stop()
