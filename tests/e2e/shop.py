"""One service of a shop, instrumented by hand with the Python SDK: `shop.py NAME COLLECTOR [NEXT]`.

It serves `/order/KIND/NUMBER`, asks the service NEXT (`host:port`) for the same, and exports its own spans to the collector
over gRPC. Context goes along as W3C Trace Context. At the last service, orders of the kind `failing` fail and those of the
kind `slow` take more than a second. Prints its port; ends, having exported everything, when standard input is closed.
"""

import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

NAME, COLLECTOR, *NEXT = sys.argv[1:]
LONG = 1.2


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        kind, number = self.path.split("/")[2:]
        context = propagate.extract(self.headers)
        with TRACER.start_as_current_span("GET /order/{kind}/{number}", context, kind=trace.SpanKind.SERVER) as span:
            span.set_attribute("order.kind", kind)
            span.set_attribute("order.number", int(number))
            status = ask(NEXT[0] + self.path) if NEXT else deliver(kind)
            span.set_attribute("http.response.status_code", status)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def ask(place):
    with TRACER.start_as_current_span("GET", kind=trace.SpanKind.CLIENT) as span:
        headers = {}
        propagate.inject(headers)
        request = urllib.request.Request(f"http://{place}", headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        span.set_attribute("http.response.status_code", status)
        return status


def deliver(kind):
    with TRACER.start_as_current_span("deliver") as span:
        if kind == "slow":
            time.sleep(LONG)
        if kind == "failing":
            span.set_status(trace.Status(trace.StatusCode.ERROR, "out of stock"))
            return 500
        return 200


PROVIDER = TracerProvider(resource=Resource.create({"service.name": NAME}))
EXPORTER = OTLPSpanExporter(endpoint=f"http://{COLLECTOR}", insecure=True)
PROVIDER.add_span_processor(BatchSpanProcessor(EXPORTER, schedule_delay_millis=200))
TRACER = PROVIDER.get_tracer("shop")
SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
print(SERVER.server_port, flush=True)
sys.stdin.read()
SERVER.shutdown()
PROVIDER.shutdown()
