"""Who lives with the stack: the merchant, a storefront, a system that listens.

Exists so that story.py reads as what people do; each of them has only what such a person has.
"""

from __future__ import annotations

import json
from pathlib import Path

import tooling
from emulator import Answer, Emulator, Failed, FunctionUrl, request

SHARDS = 4


class Merchant:
    """Has the command line and the console: catalog, keys, test clock, queues."""

    def __init__(self, aws: Emulator, outputs: dict[str, str], binaries: Path, work: Path) -> None:
        self.aws, self.outputs, self.binaries, self.work = aws, outputs, binaries, work

    def perennial(self, *arguments: str) -> str:
        where = ["--endpoint", self.aws.url, "--table", self.outputs["TableName"]]
        where += ["--operations-table", self.outputs["OperationsTableName"], "--shards", str(SHARDS)]
        return tooling.run(
            [str(self.binaries / "perennial"), *arguments, *where],
            seconds=60,
            env=tooling.tool_env(name="sam"),
            cwd=self.work,
        )

    def set_clock(self, instant: str) -> None:
        item = {"pk": {"S": "clock"}, "d": {"S": instant}}
        self.aws.call("dynamodb", "PutItem", {"TableName": self.outputs["OperationsTableName"], "Item": item})

    def function(self, verb: str) -> str:
        """The deployed name of a function."""
        name = "".join(word.capitalize() for word in verb.split("-")) + "Function"
        answer = request(self.aws.port, "GET", "/2015-03-31/functions/?MaxItems=100").json()
        (found,) = [
            f["FunctionName"]
            for f in answer["Functions"]
            if f"-{name}-" in f["FunctionName"] or f["FunctionName"].endswith(f"-{name}")
        ]
        return found

    def sweep(self) -> object:
        """A tick by hand, so that the story does not wait a minute for each."""
        answer = self.aws.invoke(
            self.function("sweep"), json.loads((tooling.ROOT / "infra" / "events" / "sweep.json").read_text())
        )
        if answer.status != 200 or "x-amz-function-error" in answer.headers:
            raise Failed(f"sweep answered {answer.status}: {answer.text[:500]}")
        return answer.json()


class Shop:
    """A storefront: holds the key, talks to the function URLs."""

    def __init__(self, aws: Emulator, outputs: dict[str, str], key: str) -> None:
        self.key = key
        self.signup_url = FunctionUrl(aws, outputs["SignupUrl"])
        self.change_url = FunctionUrl(aws, outputs["ChangePlanUrl"])
        self.get_url = FunctionUrl(aws, outputs["GetUrl"])
        self.event_url = FunctionUrl(aws, outputs["GatewayEventUrl"])

    def signup(self, idempotency_key: str, body: object, key: str | None = None) -> Answer:
        return self.signup_url.send(
            "POST",
            "/signup",
            body,
            Authorization=f"Bearer {key or self.key}",
            Idempotency_Key=idempotency_key,
            Content_Type="application/json",
        )

    def change(self, idempotency_key: str, version: int, body: dict) -> Answer:
        return self.change_url.send(
            "POST",
            "/change-plan",
            body,
            Authorization=f"Bearer {self.key}",
            Idempotency_Key=idempotency_key,
            If_Match=f'"{version}"',
            Content_Type="application/json",
        )

    def get(self, path: str) -> object:
        answer = self.get_url.send("GET", path, Authorization=f"Bearer {self.key}")
        if answer.status != 200:
            raise Failed(f"GET {path} answered {answer.status}: {answer.text[:500]}")
        return answer.json()

    def invoices(self, customer: str) -> list[dict]:
        return self.get(f"/customers/{customer}/invoices")


def order(customer: str, token: str = "pm_card_visa", **more: object) -> dict:
    return {
        "customer": {
            "id": customer,
            "email": f"{customer}@example.com",
            "currency": "EUR",
            "time_zone": "Europe/Berlin",
            "channel": "web",
        },
        "plan": "month-to-month",
        "payment_method": {"token": token},
        **more,
    }


class Subscriber:
    """A system of the merchant that listens to the bus: a rule and a queue of its own, as anybody would add them."""

    def __init__(self, aws: Emulator, outputs: dict[str, str]) -> None:
        self.aws, self.events = aws, {}
        self.url = aws.call("sqs", "CreateQueue", {"QueueName": "accounting"})["QueueUrl"]
        arn = aws.call("sqs", "GetQueueAttributes", {"QueueUrl": self.url, "AttributeNames": ["QueueArn"]})[
            "Attributes"
        ]["QueueArn"]
        bus = outputs["BusName"]
        pattern = json.dumps({"source": ["perennial"]})
        aws.call("events", "PutRule", {"Name": "accounting", "EventBusName": bus, "EventPattern": pattern})
        aws.call(
            "events",
            "PutTargets",
            {"Rule": "accounting", "EventBusName": bus, "Targets": [{"Id": "queue", "Arn": arn}]},
        )

    def heard(self) -> dict[str, dict]:
        """Everything so far, by the fact's id: the bus may say a thing twice."""
        while True:
            got = self.aws.call("sqs", "ReceiveMessage", {"QueueUrl": self.url, "MaxNumberOfMessages": 10}).get(
                "Messages", []
            )
            if not got:
                return self.events
            for message in got:
                event = json.loads(message["Body"])
                self.events[event["detail"]["event_id"]] = event
                self.aws.call("sqs", "DeleteMessage", {"QueueUrl": self.url, "ReceiptHandle": message["ReceiptHandle"]})

    def types(self, customer: str) -> list[str]:
        return sorted(e["detail-type"] for e in self.heard().values() if e["detail"].get("customer_id") == customer)
