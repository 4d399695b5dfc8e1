"""Checks that the template deploys what we mean: rules, linters, and breaks on purpose.

Runs the rules of rules_functions.py and rules_resources.py, the SAM CLI's validation, and cfn-lint on the source and on the transformed
template; then breaks the template, once for each kind of rule, and fails unless that is noticed: a rule that cannot
fail proves nothing. No network after the first run, no AWS account.

    python3 tests/local-aws/check_template.py [--quick]     (--quick: the rules and the deliberate breaks only)
"""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tests/tooling.py

import rules_functions  # noqa: F401  (importing registers the rules)
import rules_resources  # noqa: F401
import tooling
from stack import RULES, Rule, Stack, listed

TEMPLATE = tooling.ROOT / "infra" / "template.yaml"


def breaks() -> list[tuple[str, str, Callable[[dict], None]]]:
    """(what is broken, the start of the rule that must notice, how to break it)."""

    def at(path: str, value: object = None) -> Callable[[dict], None]:
        def change(resources: dict) -> None:
            *parents, last = path.split("/")
            place = resources
            for part in parents:
                place = place[int(part)] if isinstance(place, list) else place[part]
            if value is None:
                del place[last]
            else:
                place[last] = value

        return change

    def may(resource: str, action: str) -> Callable[[dict], None]:
        def change(resources: dict) -> None:
            statement = resources[resource]["Properties"]["Policies"][0]["Statement"][0]
            statement["Action"] = [*listed(statement["Action"]), action]

        return change

    return [
        (
            "a function without a folder",
            "every function folder",
            at("WinBackFunction", {"Type": "AWS::Serverless::Function", "Properties": {}}),
        ),
        ("a function without a resource", "every function folder", at("CollectFunction")),
        ("no packager", "every function is built", at("RenewFunction/Metadata")),
        (
            "a shared log group",
            "every function has a log group",
            at("RenewFunction/Properties/LoggingConfig/LogGroup", {"Ref": "SweepLog"}),
        ),
        ("logs for ever", "every function has a log group", at("RenewLog/Properties/RetentionInDays")),
        (
            "a variable too many",
            "every function gets exactly",
            at("RenewFunction/Properties/Environment/Variables/GATEWAY", "x"),
        ),
        (
            "a variable too few",
            "every function gets exactly",
            at("CollectFunction/Properties/Environment/Variables/GATEWAY_URL"),
        ),
        ("a star", "no role has", may("RenewFunction", "dynamodb:*")),
        ("a scan", "no function may scan", may("CollectFunction", "dynamodb:Scan")),
        ("a deletion", "no function may scan", may("GetFunction", "dynamodb:DeleteItem")),
        (
            "a policy template",
            "functions have inline",
            at("GetFunction/Properties/Policies", [{"DynamoDBCrudPolicy": {"TableName": "t"}}]),
        ),
        (
            "a role too small",
            "functions that move money",
            at(
                "RenewFunction/Properties/Policies/0/Statement",
                [{"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": {"Ref": "Table"}}],
            ),
        ),
        (
            "usage that may write the record",
            "functions that move money",
            at(
                "RecordUsageFunction/Properties/Policies/0/Statement/0/Action",
                ["dynamodb:GetItem", "dynamodb:PutItem"],
            ),
        ),
        (
            "any origin",
            "every function URL",
            at("SignupFunction/Properties/FunctionUrlConfig/Cors", {"AllowOrigins": ["*"]}),
        ),
        (
            "a filter on money",
            "nothing filters",
            at("CollectFunction/Properties/Events/Queue/Properties/FilterCriteria", {"Filters": []}),
        ),
        ("no dead letters", "every queue that", at("CollectQueue/Properties/RedrivePolicy")),
        ("a short wait", "every queue that", at("RenewQueue/Properties/VisibilityTimeout", 30)),
        (
            "a batch that fails as one",
            "every batch answers",
            at("RelayFunction/Properties/Events/Stream/Properties/FunctionResponseTypes"),
        ),
        (
            "retries for ever",
            "the relay and the numbers read",
            at("RelayFunction/Properties/Events/Stream/Properties/MaximumRetryAttempts"),
        ),
        (
            "a tick that vanishes",
            "every call that nobody",
            at("SweepFunction/Properties/Events/Tick/Properties/DeadLetterConfig"),
        ),
        (
            "one name for two stacks",
            "every call that nobody",
            at("SweepFunction/Properties/Events/Tick/Properties/Name"),
        ),
        ("an export that vanishes", "every call that nobody", at("DailyExport/Properties/Target/DeadLetterConfig")),
        ("a locked-out rule", "every rule's dead-letter", at("TriggerDeadLettersPolicy")),
        ("a silent queue", "something rings", at("CollectDeadLettersAlarm")),
        ("a table that dies with its stack", "the tables are on demand", at("Table/DeletionPolicy")),
        (
            "an index on other keys",
            "the tables have the keys",
            at("Table/Properties/GlobalSecondaryIndexes/0/IndexName", "gsi1"),
        ),
        ("an open bucket", "the bucket is private", at("ReportsBucket/Properties/PublicAccessBlockConfiguration")),
    ]


def break_it(template: dict) -> list[tuple[str, list[str]]]:
    found = []
    for what, sentence, change in breaks():
        broken = copy.deepcopy(template)
        change(broken["Resources"])
        (check,) = [check for s, check in RULES if s.startswith(sentence)]
        noticed = set(problems(check, Stack(broken))) - set(problems(check, Stack(template)))
        found.append(
            (
                f"broken on purpose, and noticed: {what}",
                [] if noticed else [f"the rule '{sentence} ...' did not notice"],
            )
        )
    return found


def problems(check: Rule, stack: Stack) -> list[str]:
    try:
        return check(stack)
    except (KeyError, ValueError, TypeError, AttributeError, OSError) as error:
        return [f"{type(error).__name__}: {error}"]


# ---- The linters --------------------------------------------------------------------------------------------------------


def load(path: Path) -> dict:
    from samtranslator.yaml_helper import yaml_parse

    return json.loads(json.dumps(yaml_parse(path.read_text())))


def transformed(template: dict) -> dict:
    """What CloudFormation gets, as SAM's own translator writes it, with no account."""
    from samtranslator.translator.transform import transform

    logging.getLogger("samtranslator").setLevel(logging.ERROR)

    class Managed:
        def load(self) -> dict[str, str]:
            names = ("AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole", "AWSLambdaDynamoDBExecutionRole")
            return {n: f"arn:aws:iam::aws:policy/service-role/{n}" for n in names}

    source = copy.deepcopy(template)
    for resource in source["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://code-of-functions/key"
    return transform(source, {}, Managed())


def linters(template: dict) -> list[tuple[str, Callable[[], list[str]]]]:
    def said(*command: str, env: str = "sam") -> list[str]:
        try:
            tooling.run(list(command), seconds=180, env=tooling.tool_env(name=env))
        except tooling.ToolMissing as problem:
            return [str(problem)]
        return []

    def lint_transformed(change: Callable[[dict], None] = lambda _: None) -> list[str]:
        output = transformed(template)
        change(output["Resources"])
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(output, file)
            file.flush()
            return said("cfn-lint", "--regions", "us-east-1", "eu-central-1", "--", file.name, env="emu")

    def ruin(resources: dict) -> None:
        resources["RenewQueue"]["Properties"]["VisibilityTimeout"] = "long"

    def ruined() -> list[str]:
        return [] if lint_transformed(ruin) else ["cfn-lint found nothing wrong with VisibilityTimeout: long"]

    return [
        ("sam validate --lint", lambda: said("sam", "validate", "--lint", "-t", str(TEMPLATE))),
        (
            "cfn-lint on the source",
            lambda: said("cfn-lint", "--regions", "us-east-1", "eu-central-1", "--", str(TEMPLATE), env="emu"),
        ),
        ("cfn-lint on the transformed template", lint_transformed),
        ("broken on purpose, and noticed: cfn-lint on the transformed template", ruined),
    ]


def main() -> int:
    tooling.reenter("emu")
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"  # the translator asks for one
    template = load(TEMPLATE)
    results = [(sentence, problems(check, Stack(template))) for sentence, check in RULES]
    results += break_it(template)
    if "--quick" not in sys.argv:
        results += [(sentence, check()) for sentence, check in linters(template)]
    for sentence, wrong in results:
        print(f"{'ok  ' if not wrong else 'FAIL'} {sentence}")
        for line in wrong:
            print(f"       {line}")
    failed = sum(1 for _, wrong in results if wrong)
    print(f"\n{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except tooling.ToolMissing as problem:
        print(f"FAIL {problem}\n\n0 passed, 1 failed")
        sys.exit(1)
