"""Sends with the SDKs of other makers, directly and through Forebay, and compares what arrives field by field.

Each SDK exports every request twice: to one destination directly, and to Forebay, which passes it on by gRPC, by HTTP with
protobuf, and by HTTP with JSON, each to a destination of its own. All four must have got the same.
"""

import argparse
import base64
import difflib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from alerts import alerts
from backend import REQUESTS, Backend
from cardinality import cardinality
from enrichment import enrichment
from process import PATIENCE, Failure, Forebay, check
from tiers import tiers

HERE = Path(__file__).parent
SIGNALS = ("traces", "metrics", "logs")

CONFIG = """
[admin]
listen = "127.0.0.1:0"

[receivers.otlp]
grpc.listen = "127.0.0.1:0"
http.listen = "127.0.0.1:0"

[exporters.grpc]
type = "otlp_grpc"
endpoint = "http://{grpc}"
compression = "gzip"

[exporters.proto]
type = "otlp_http"
endpoint = "http://{proto}"
compression = "gzip"

[exporters.json]
type = "otlp_http"
endpoint = "http://{json}"
encoding = "json"
compression = "gzip"

[pipelines.all]
from = ["otlp"]
to = ["grpc", "proto", "json"]
"""


def compare(signal, name, expected, found):
    if expected != found:
        lines = difflib.unified_diff("\n".join(expected).split("\n"), "\n".join(found).split("\n"), "direct", name, n=8)
        raise Failure(f"{signal} by {name} differ from what was sent directly:\n" + "\n".join(list(lines)[:80]))


def sdk(binary, command, protocol, environment=None):
    """One SDK with one protocol: what arrives through Forebay is what arrives without it."""
    direct, *others = [Backend() for _ in range(4)]
    by_name = dict(zip(("grpc", "proto", "json"), others))
    over_grpc = protocol == "grpc"
    places = {"grpc": by_name["grpc"].grpc, "proto": by_name["proto"].http, "json": by_name["json"].http}
    try:
        with Forebay(binary, CONFIG.format(**places)) as forebay:
            words = [*command, protocol]
            words += [direct.grpc, forebay.grpc] if over_grpc else [direct.http, forebay.http]
            ran = subprocess.run(words, env={**os.environ, **(environment or {})}, timeout=PATIENCE)
            check(ran.returncode == 0, f"{words} ended with {ran.returncode}")
            count = 0
            for signal in SIGNALS:
                expected = direct.items(signal)
                check(expected, f"no {signal} arrived directly")
                count += len(expected)
                for name, backend in by_name.items():
                    compare(signal, name, expected, backend.items(signal))
            check({encoding for _, encoding in direct.forms} <= {"gzip", "unknown"}, f"not gzip: {direct.forms}")
            check(forebay.status()["unaccounted"] == 0, "items are unaccounted for")
            return f"{count} items, each the same by {', '.join(by_name)}"
    finally:
        for backend in (direct, *others):
            backend.stop()


def agent(binary, program, python):
    """A destination by other hands takes what Forebay sends it, by gRPC and by HTTP, and answers as it does directly."""
    ports = free_ports(3)
    names = ("--port", "--otlp-http-port", "--otlp-grpc-port")
    command = [program, *(word for pair in zip(names, map(str, ports)) for word in pair), "--log-level", "ERROR"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            results = [through_agent(binary, python, ports, kind) for kind in ("otlp_http", "otlp_grpc")]
        finally:
            process.terminate()
            process.wait(PATIENCE)
    return ", ".join(results)


def through_agent(binary, python, ports, kind):
    admin, http, grpc = (f"127.0.0.1:{port}" for port in ports)
    await_answer(f"http://{admin}/info")
    config = f"""
[admin]
listen = "127.0.0.1:0"
[receivers.otlp]
grpc.listen = "127.0.0.1:0"
http.listen = "127.0.0.1:0"
[exporters.agent]
type = "{kind}"
endpoint = "http://{http if kind == "otlp_http" else grpc}"
[pipelines.all]
from = ["otlp"]
to = ["agent"]
"""
    direct = Backend()
    try:
        with Forebay(binary, config) as forebay:
            words = [python, str(HERE / "send.py"), "http", direct.http, forebay.http]
            ran = subprocess.run(words, timeout=PATIENCE)
            check(ran.returncode == 0, f"{words} ended with {ran.returncode}")
        with urllib.request.urlopen(f"http://{admin}/test/session/requests", timeout=PATIENCE) as response:
            got = [each for each in json.load(response) if "/v1/" in each["url"]]
        seen = Received(got)
        for signal in SIGNALS:
            compare(signal, kind, direct.items(signal), seen.items(signal))
        await_answer(f"http://{admin}/test/session/clear")
        return f"{kind}: {len(got)} requests"
    finally:
        direct.stop()


class Received(Backend):
    """What the agent says that it got. It serves nothing."""

    def __init__(self, requests):
        self.lock = threading.Lock()
        self.clear()
        for each in requests:
            signal = each["url"].rsplit("/", 1)[1]
            request = REQUESTS[signal]()
            request.ParseFromString(base64.b64decode(each["body"]))
            self.take(signal, request, None)


def free_ports(count):
    """Ports that are free now. The agent cannot be told to choose its own and say which."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def await_answer(url):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE):
                return
        except OSError as error:
            check(time.monotonic() < deadline, f"{url} does not answer: {error}")
            time.sleep(0.05)


def cases(options):
    """Name, function, arguments; no function where something is not installed."""
    folder, binary = Path(options.folder).absolute(), options.binary
    for protocol in ("grpc", "http"):
        yield f"python {protocol}", sdk, (binary, [sys.executable, str(HERE / "send.py")], protocol)
    node = {"NODE_PATH": str(folder / "node" / "node_modules")}
    has_node = (folder / "node" / "installed").exists()
    for protocol in ("grpc", "proto", "http"):
        name = "node.js " + {"http": "http json", "proto": "http proto"}.get(protocol, protocol)
        yield name, sdk if has_node else None, (binary, ["node", str(HERE / "send.cjs")], protocol, node)
    for protocol in ("grpc", "http"):
        yield f"enrichment python {protocol}", enrichment, (binary, [sys.executable, str(HERE / "send.py")], protocol)
    yield (
        "enrichment node.js",
        enrichment if has_node else None,
        (binary, ["node", str(HERE / "send.cjs")], "grpc", node),
    )
    has_agent = (folder / "agent" / "installed").exists()
    program = str(folder / "agent" / "bin" / "ddapm-test-agent")
    yield "two tiers", tiers, (binary,)
    tools = subprocess.run([HERE / "prometheus"], stdout=subprocess.PIPE, text=True, check=False)
    has_prometheus = tools.returncode == 0
    yield "alerts in Prometheus", alerts if has_prometheus else None, (binary, f"{tools.stdout.strip()}/prometheus")
    yield "cardinality", cardinality, (binary,)
    yield "to ddapm-test-agent", agent if has_agent else None, (binary, program, sys.executable)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--folder", required=True, help="where `install` put what it installed")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    options = parser.parse_args()
    passed, failed, skipped = 0, 0, 0
    for name, function, arguments in cases(options):
        if options.only not in name:
            continue
        if function is None:
            skipped += 1
            print(f"SKIPPED {name}: not installed", flush=True)
            continue
        try:
            print(f"ok      {name}: {function(*arguments)}", flush=True)
            passed += 1
        except (Failure, subprocess.TimeoutExpired) as failure:
            failed += 1
            print(f"FAILED  {name}: {failure}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


main()
