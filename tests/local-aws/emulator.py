"""AWS on this machine: starts the emulator and the sandbox gateway, and talks to them in plain HTTP.

Exists so that deploy.py tells a story and nothing else. Everything listens on 127.0.0.1 and every wait has an end; what
is started here is ended here, by its process group. Standard library only.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

import tooling

REGION = "us-east-1"


class Failed(Exception):
    """The story cannot go on; the message says why."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Answer:
    """What came back over HTTP."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> object:
        try:
            return json.loads(self.text)
        except ValueError:
            raise Failed(f"{self.status}, not JSON: {self.text[:500]}") from None


def request(port: int, method: str, path: str, body: object = None, *, seconds: float = 60, **headers: str) -> Answer:
    """One request to 127.0.0.1. Underscores in header names stand for hyphens."""
    payload = body if isinstance(body, (str, bytes)) else None if body is None else json.dumps(body)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=payload, headers=named)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, text)
    finally:
        connection.close()


def wait_for(what: str, ask: Callable[[], object], *, seconds: float, every: float = 1.0) -> object:
    """The first truthy answer within `seconds`."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            found = ask()
            if found:
                return found
        if time.monotonic() >= end:
            raise Failed(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(every)


@contextlib.contextmanager
def process(command: list[str], *, log: Path, env: dict[str, str], cwd: Path) -> Iterator[subprocess.Popen]:
    """A process with all that it starts; ended as a group."""
    with open(log, "wb") as out:
        started = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield started
        finally:
            for sign, grace in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(started.pid, sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    started.wait(grace)


class Emulator:
    """The AWS calls of the story, against the emulator's port."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, service: str, operation: str, body: dict) -> dict:
        """One call of a JSON service: dynamodb, sqs, events, logs."""
        prefix = {"dynamodb": "DynamoDB_20120810", "sqs": "AmazonSQS", "events": "AWSEvents", "logs": "Logs_20140328"}[
            service
        ]
        # The emulator finds the service by the scope of the credential; it checks no signature.
        scope = f"AWS4-HMAC-SHA256 Credential=test/20270101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        kind = "application/x-amz-json-1.1" if service in ("events", "logs") else "application/x-amz-json-1.0"
        answer = request(
            self.port, "POST", "/", body, X_Amz_Target=f"{prefix}.{operation}", Authorization=scope, Content_Type=kind
        )
        if answer.status != 200:
            raise Failed(f"{service} {operation} answered {answer.status}: {answer.text[:500]}")
        return json.loads(answer.text or "{}")

    def invoke(self, function: str, event: dict) -> Answer:
        """A direct call, as `aws lambda invoke` makes it."""
        return request(self.port, "POST", f"/2015-03-31/functions/{function}/invocations", event, seconds=90)

    def put_object(self, bucket: str, key: str, content: bytes) -> None:
        answer = request(self.port, "PUT", f"/{bucket}/{key}", content, Host=f"127.0.0.1:{self.port}")
        if answer.status != 200:
            raise Failed(f"PUT {bucket}/{key} answered {answer.status}: {answer.text[:300]}")

    def list_objects(self, bucket: str, prefix: str) -> list[str]:
        answer = request(self.port, "GET", f"/{bucket}?list-type=2&max-keys=1000&prefix={prefix}")
        return [part.split("</Key>")[0] for part in answer.text.split("<Key>")[1:]]

    def waiting(self, queue_url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        got = self.call("sqs", "GetQueueAttributes", {"QueueUrl": queue_url, "AttributeNames": names})
        return sum(int(got["Attributes"][n]) for n in names)

    def logged(self, group: str, limit: int = 40) -> list[str]:
        """The last lines of a log group, for whoever has to find out."""
        try:
            events = self.call("logs", "FilterLogEvents", {"logGroupName": group}).get("events", [])
        except Failed as problem:
            return [str(problem)]
        return [e["message"].rstrip() for e in events[-limit:]]


class FunctionUrl:
    """A function behind its URL, reached by its host name as a customer's browser would."""

    def __init__(self, emulator: Emulator, url: str) -> None:
        self.port = emulator.port
        host = url.split("//", 1)[1].split("/", 1)[0]
        self.id = host.split(".")[0]
        self.host = f"{self.id}.lambda-url.{REGION}.on.aws"

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        return request(self.port, method, path, body, Host=self.host, **headers)


@contextlib.contextmanager
def emulator(work: Path) -> Iterator[Emulator]:
    """A fresh, empty AWS on a free port; all of its data is under `work`."""
    port = free_port()
    env = tooling.tool_env(
        name="emu",
        GATEWAY_PORT=str(port),
        BIND_HOST="127.0.0.1",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        IOT_MTLS_ENABLED="0",
        STATE_DIR=str(work / "state"),
        S3_DATA_DIR=str(work / "s3"),
        TMPDIR=str(work),
    )
    with process(["ministack"], log=work / "emulator.log", env=env, cwd=work):
        wait_for(
            "the emulator",
            lambda: request(port, "GET", "/_ministack/health", seconds=5).status == 200,
            seconds=60,
            every=0.3,
        )
        yield Emulator(port)
