"""The binary under test, as a process."""

import json
import os
import subprocess
import tempfile
import urllib.request

PATIENCE = 60


class Forebay:
    """The binary under test, with a config and variables, until the end of a `with`."""

    def __init__(self, binary, config, environment=None):
        self.file = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.file.write(config)
        self.file.flush()
        command = [binary, "run", "--config", self.file.name]
        environment = {**os.environ, **(environment or {})}
        self.process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        self.addresses = []
        for line in self.process.stderr:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if entry.get("message") == "listening":
                self.addresses.append(entry["address"])
                if entry["node"] == "admin":
                    break
        if len(self.addresses) != 3:
            self.process.wait()
            raise Failure(f"forebay did not start with\n{config}")
        self.grpc, self.http, self.admin = self.addresses

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        _, log = self.process.communicate(timeout=PATIENCE)
        self.file.close()
        if self.process.returncode != 0:
            raise Failure(f"forebay ended with {self.process.returncode}:\n{log}")

    def status(self):
        with urllib.request.urlopen(f"http://{self.admin}/status", timeout=PATIENCE) as response:
            return json.load(response)


class Failure(Exception):
    pass


def check(holds, words):
    if not holds:
        raise Failure(words)
