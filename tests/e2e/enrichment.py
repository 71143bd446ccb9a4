"""What the SDKs of other makers send gets attributes on its resource, and nothing else of it changes: each SDK exports every request
to a destination directly and to Forebay, and what arrives from Forebay, less the attributes that it was told to add, is byte for byte what
arrived directly."""

import gzip
import os
import subprocess
import tempfile
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc

from process import PATIENCE, Forebay, check

SIGNALS = ("traces", "metrics", "logs")

CONFIG = """
[admin]
listen = "127.0.0.1:0"

[receivers.otlp]
grpc.listen = "127.0.0.1:0"
http.listen = "127.0.0.1:0"

[processors.place]
type = "resource_detection"
detectors = ["env"]

[processors.owners]
type = "lookup"
table = {{ path = "{table}", format = "csv" }}
key = [{{ attribute = "service.name", column = "service", match = "exact" }}]
attributes = [
  {{ column = "team", key = "team.name" }},
  {{ column = "tier", key = "team.tier", type = "int" }},
]

[processors.site]
type = "attributes"
resource = [
  {{ action = "insert", key = "cloud.region", value = "north-1" }},
  {{ action = "insert", key = "service.name", value = "not-this-one" }},
]

[processors.lineage]
instance = "it"

[exporters.backend]
type = "{exporter}"
endpoint = "http://{backend}"

[pipelines.all]
from = ["otlp"]
via = ["place", "owners", "site", "lineage"]
to = ["backend"]
"""

# What is set outside, and not what the SDK has in its resource: `service.name` is there already and stays.
OUTSIDE = {"OTEL_RESOURCE_ATTRIBUTES": "k8s.node.name=n1,deployment.environment.name=prod%20uction", "OTEL_SERVICE_NAME": ""}
ADDED = {
    "k8s.node.name": "n1",
    "deployment.environment.name": "prod uction",
    "team.name": "checkout",
    "team.tier": 2,
    "cloud.region": "north-1",
    "forebay.path": ["it/otlp/place/owners/site/lineage"],
}
TIMED = ("traces", "logs")


class Wires:
    """A destination that keeps bytes as they come, over gRPC and HTTP."""

    def __init__(self):
        self.lock = threading.Lock()
        self.bytes = {signal: b"" for signal in SIGNALS}
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        for signal in SIGNALS:
            name = {"traces": "trace", "metrics": "metrics", "logs": "logs"}[signal]
            service = f"opentelemetry.proto.collector.{name}.v1.{name.capitalize()}Service"
            method = grpc.unary_unary_rpc_method_handler(lambda request, _, signal=signal: self.take(signal, request))
            handler = grpc.method_handlers_generic_handler(service, {"Export": method})
            self.server.add_generic_rpc_handlers((handler,))
        self.grpc = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        handler = type("Handler", (Handler,), {"wires": self})
        self.web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.web.daemon_threads = True
        self.http = f"127.0.0.1:{self.web.server_port}"
        threading.Thread(target=self.web.serve_forever, daemon=True).start()

    def take(self, signal, request):
        """Requests joined end to end are a request."""
        with self.lock:
            self.bytes[signal] += request
        return b""

    def stop(self):
        self.server.stop(None)
        self.web.shutdown()
        self.web.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.wires.take(self.path.removeprefix("/v1/"), body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 0x7F) << shift, shift + 7, at + 1
        if byte < 0x80:
            return value, at


def fields(message):
    """The fields of a message as they stand: number, value (of strings and messages without the length), all of its bytes."""
    at = 0
    while at < len(message):
        start = at
        tag, at = varint(message, at)
        body, wire = at, tag & 7
        if wire == 0:
            _, at = varint(message, at)
        elif wire == 2:
            length, body = varint(message, at)
            at = body + length
        else:
            at += 8 if wire == 1 else 4
        yield tag >> 3, message[body:at], message[start:at]


def written(number, body):
    length, head = len(body), bytes([number << 3 | 2])
    while length >= 0x80:
        head, length = head + bytes([length & 0x7F | 0x80]), length >> 7
    return head + bytes([length]) + body


def value_of(body):
    """The value of an `AnyValue` of a kind that was added."""
    [(number, value, _)] = fields(body)
    if number == 5:
        return [value_of(inner) for _, inner, _ in fields(value)]
    return value.decode() if number == 1 else varint(value, 0)[0]


def without(resource, added):
    """A resource without the attributes that were added, which have to stand behind all else; they go into `added`."""
    rest = b""
    for number, body, whole in fields(resource):
        parts = {each: value for each, value, _ in fields(body)} if number == 1 else {}
        key = parts.get(1, b"").decode()
        if key in ADDED or key == "forebay.received_at":
            added[key] = value_of(parts[2])
        else:
            check(not added, f"{whole} stands behind what was added")
            rest += whole
    return rest


def envelopes(signal, request):
    """The envelopes of the resources, without what was added, which has to be what was asked for."""
    for _, envelope, _ in fields(request):
        bare, added = b"", {}
        for number, body, whole in fields(envelope):
            bare += written(1, without(body, added)) if number == 1 else whole
        timed = added.pop("forebay.received_at", None)
        check((timed is not None) == (signal in TIMED), f"{signal} with the moment {timed}")
        check(added == ADDED, f"{signal} with {added}")
        yield bare


def enrichment(binary, command, protocol, environment=None):
    direct, backend = Wires(), Wires()
    kind = "otlp_grpc" if protocol == "grpc" else "otlp_http"
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as table:
        table.write("service,team,tier\nshop,checkout,2\nelse,nobody,9\n")
        table.flush()
        destination = backend.grpc if protocol == "grpc" else backend.http
        config = CONFIG.format(table=table.name, exporter=kind, backend=destination)
        try:
            with Forebay(binary, config, OUTSIDE) as forebay:
                places = [direct.grpc, forebay.grpc] if protocol == "grpc" else [direct.http, forebay.http]
                words = [*command, protocol, *places]
                ran = subprocess.run(words, env={**os.environ, **(environment or {})}, timeout=PATIENCE)
                check(ran.returncode == 0, f"{words} ended with {ran.returncode}")
                check(forebay.status()["unaccounted"] == 0, "items are unaccounted for")
            count = 0
            for signal in SIGNALS:
                expected = sorted(body for _, body, _ in fields(direct.bytes[signal]))
                check(expected, f"no {signal} arrived directly")
                check(sorted(envelopes(signal, backend.bytes[signal])) == expected, f"other bytes of {signal} arrived")
                count += len(expected)
            return f"{count} resources with {len(ADDED)} attributes more, all else byte for byte as it was"
        finally:
            direct.stop()
            backend.stop()
