"""An OTLP destination that owes nothing to Forebay: grpcio and the generated services of opentelemetry-proto."""

import base64
import gzip
import json
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

REQUESTS = {
    "traces": trace_service_pb2.ExportTraceServiceRequest,
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "logs": logs_service_pb2.ExportLogsServiceRequest,
}
RESPONSES = {
    "traces": trace_service_pb2.ExportTraceServiceResponse,
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "logs": logs_service_pb2.ExportLogsServiceResponse,
}


class Backend:
    """Keeps every request that it gets, over gRPC and over HTTP."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        for signal, add in (
            ("traces", trace_service_pb2_grpc.add_TraceServiceServicer_to_server),
            ("metrics", metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server),
            ("logs", logs_service_pb2_grpc.add_LogsServiceServicer_to_server),
        ):
            add(Servicer(self, signal), self.server)
        self.grpc = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        handler = type("Handler", (HttpHandler,), {"backend": self})
        self.web = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.web.daemon_threads = True
        self.http = f"127.0.0.1:{self.web.server_port}"
        threading.Thread(target=self.web.serve_forever, daemon=True).start()

    def clear(self):
        with self.lock:
            self.requests = {signal: [] for signal in REQUESTS}
            self.forms = set()

    def take(self, signal, request, form):
        with self.lock:
            self.requests[signal].append(request)
            self.forms.add(form)

    def items(self, signal):
        """Every item with the resource and the scope that it came with, in an order of their own."""
        with self.lock:
            requests = list(self.requests[signal])
        return sorted(item for request in requests for item in items_of(signal, request))

    def stop(self):
        self.server.stop(None)
        self.web.shutdown()
        self.web.server_close()


def items_of(signal, request):
    outer, middle, inner = {
        "traces": ("resource_spans", "scope_spans", "spans"),
        "metrics": ("resource_metrics", "scope_metrics", "metrics"),
        "logs": ("resource_logs", "scope_logs", "log_records"),
    }[signal]
    for resource in getattr(request, outer):
        for scope in getattr(resource, middle):
            for item in getattr(scope, inner):
                # Text has every field that was set, in a fixed order, and unknown fields as well.
                context = f"{resource.schema_url}\n{resource.resource}\n{scope.schema_url}\n{scope.scope}"
                yield f"{context}\n{item}"


class Servicer:
    def __init__(self, backend, signal):
        self.backend, self.signal = backend, signal

    def Export(self, request, context):
        # How it was compressed, gRPC keeps to itself.
        self.backend.take(self.signal, request, ("grpc", "unknown"))
        return RESPONSES[self.signal]()


class HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.read_body()
        encoding = self.headers.get("Content-Encoding", "identity")
        if encoding == "gzip":
            body = gzip.decompress(body)
        signal = self.path.removeprefix("/v1/")
        kind = self.headers["Content-Type"]
        request = REQUESTS[signal]()
        if kind == "application/json":
            json_format.ParseDict(with_base64_ids(json.loads(body)), request)
            answer = b"{}"
        else:
            request.ParseFromString(body)
            answer = b""
        self.backend.take(signal, request, (kind, encoding))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def read_body(self):
        length = self.headers["Content-Length"]
        if length is not None:
            return self.rfile.read(int(length))
        # Chunked (RFC 9112, section 7.1), as the SDK for Node.js sends what it compresses.
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_):
        pass


def with_base64_ids(value):
    """OTLP's JSON has ids in hexadecimal, where protobuf's has base64."""
    if isinstance(value, list):
        return [with_base64_ids(each) for each in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    hexadecimal = lambda text: base64.b64encode(bytes.fromhex(text)).decode()
    return {key: hexadecimal(each) if key in ids else with_base64_ids(each) for key, each in value.items()}
