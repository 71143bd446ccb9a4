"""From the alert to the line that ends it: a flood of series, a Prometheus with the alerts of deploy/, and the config that one of them tells."""

import json
import re
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from process import PATIENCE, Forebay, check

ALERTS = Path(__file__).parent.parent.parent / "deploy" / "prometheus" / "alerts.yaml"
LIMIT = 50

CONFIG = """
[admin]
listen = "127.0.0.1:{admin}"

[receivers.otlp]
grpc.listen = "127.0.0.1:0"
http.listen = "127.0.0.1:0"

[processors.limit]
type = "cardinality_limit"
limit = {limit}
group_by = ["service.name"]
{rules}

[exporters.null]

[pipelines.all]
from = ["otlp"]
via = ["limit"]
to = ["null"]
"""

PROMETHEUS = """
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: forebay
    static_configs: [{{targets: ["127.0.0.1:{admin}"]}}]
"""


class Prometheus:
    """Scrapes Forebay, with the alerts as they are but that none waits before it fires."""

    def __init__(self, program, admin):
        self.folder = tempfile.TemporaryDirectory()
        folder = Path(self.folder.name)
        rules = re.sub(r"^ +for: .*\n", "", ALERTS.read_text(), flags=re.MULTILINE)
        (folder / "alerts.yaml").write_text(rules)
        (folder / "prometheus.yaml").write_text(PROMETHEUS.format(admin=admin))
        self.address = f"127.0.0.1:{free_port()}"
        command = [
            program, f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={self.address}", "--log.level=error",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)
        self.folder.cleanup()

    def ask(self, path):
        """What it answers; nothing while it does not answer yet."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/api/v1/{path}", timeout=PATIENCE) as response:
                return json.load(response)["data"]
        except OSError:
            return None

    def until(self, words, path, wanted):
        """What it answers, once that is as wanted."""
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self.ask(path)
            if answer is not None and wanted(answer):
                return answer
            check(time.monotonic() < deadline, f"{words}: {answer}")
            time.sleep(0.1)

    def sees(self, expression):
        """Waits until an expression has a value."""
        query = urllib.parse.urlencode({"query": expression})
        self.until(f"it does not come to {expression}", f"query?{query}", lambda answer: answer["result"])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def flood(address, users):
    """Sends a counter with a series for each user."""
    points = [
        {"timeUnixNano": "1", "asInt": "1", "attributes": [attribute("route", "/"), attribute("user.id", f"u-{user}")]}
        for user in range(users)
    ]
    metric = {"name": "requests", "sum": {"aggregationTemporality": 1, "isMonotonic": True, "dataPoints": points}}
    resource = {"attributes": [attribute("service.name", "shop")]}
    body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{address}/v1/metrics", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        check(response.status == 200, f"status {response.status}")


def firing(answer):
    return [alert for alert in answer["alerts"] if alert["state"] == "firing"]


def limits(answer):
    return [alert for alert in firing(answer) if alert["labels"]["alertname"] == "ForebayCardinalityLimit"]


def alerts(binary, program):
    """The alert names the metric and the attribute; with the line that it tells nothing fires any more."""
    admin = free_port()
    with Prometheus(program, admin) as prometheus:
        with Forebay(binary, CONFIG.format(admin=admin, limit=LIMIT, rules="")) as forebay:
            flood(forebay.http, LIMIT)
            prometheus.sees(f"forebay_cardinality_live_series == {LIMIT}")
            check(firing(prometheus.ask("alerts")) == [], "something fires without need")
            flood(forebay.http, 10 * LIMIT)
            [alert] = limits(prometheus.until("no alert", "alerts", limits))
            labels = {key: alert["labels"][key] for key in ("node", "metric", "attribute", "group")}
            expected = {"node": "limit", "metric": "requests", "attribute": "user.id", "group": "service.name=shop"}
            check(labels == expected, f"the alert is about {labels}")
            [line] = re.findall(r"rules = \[.*\]", alert["annotations"]["description"])
        with Forebay(binary, CONFIG.format(admin=admin, limit=LIMIT, rules=line)) as forebay:
            flood(forebay.http, 10 * LIMIT)
            total = forebay.status()["total"]
            check(total["delivered"] == 1, f"{total['delivered']} points are left of one series")
            prometheus.sees("forebay_cardinality_live_series == 1")
            prometheus.until("the alert does not end", "alerts", lambda answer: limits(answer) == [])
    return f"{labels['metric']}, {labels['attribute']}: ended by {line}"
