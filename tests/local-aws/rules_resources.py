"""Rules for queues, schedules, tables, parameters and settings, a sentence each.

Exists because what loses money quietly (a filter, a queue without dead letters, a table that dies with its stack) is a
line of a template that no compiler sees. To add a rule: a function under @rule, and a break in check_template.py.
"""

from __future__ import annotations

import re
import tomllib

import tooling
from stack import Stack, listed, rule, target, walk

# ---- Queues, stream, schedules


@rule("nothing filters what reaches a function: a filter deletes what it does not match")
def no_filters(stack: Stack) -> list[str]:
    return [path for path, key, _ in walk(stack.resources) if key in {"FilterCriteria", "FilterPolicy"}]


@rule(
    "every queue that a function works on has a dead-letter queue after 5 tries, waits six timeouts and keeps messages 14 days"
)
def queues_lose_nothing(stack: Stack) -> list[str]:
    queues, wrong = stack.of_type("AWS::SQS::Queue"), []
    for name, q in queues.items():
        if q.get("MessageRetentionPeriod") != 1_209_600:
            wrong.append(f"{name}: MessageRetentionPeriod must be 1209600")
        if q.get("SqsManagedSseEnabled") is not True:
            wrong.append(f"{name}: SqsManagedSseEnabled must be true")
    for verb, p in stack.functions().items():
        for event in stack.events(p, "SQS"):
            queue = queues.get(target(event["Queue"]), {})
            redrive = queue.get("RedrivePolicy", {})
            if target(redrive.get("deadLetterTargetArn")) not in queues or redrive.get("maxReceiveCount") != 5:
                wrong.append(f"{verb}: its queue has no dead-letter queue after 5 tries")
            if queue.get("VisibilityTimeout", 30) < 6 * p["Timeout"] + event.get("MaximumBatchingWindowInSeconds", 0):
                wrong.append(f"{verb}: VisibilityTimeout must be at least {6 * p['Timeout']}")
    return wrong


@rule("every batch answers for each record, in batches of 10 from queues, with a bound on how many run")
def batches_answer_for_each_record(stack: Stack) -> list[str]:
    wrong = []
    for verb, p in stack.functions().items():
        for event in stack.events(p, "SQS") + stack.events(p, "DynamoDB"):
            if event.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
                wrong.append(f"{verb}: FunctionResponseTypes must be [ReportBatchItemFailures]")
        for event in stack.events(p, "SQS"):
            if event.get("BatchSize") != 10 or "MaximumConcurrency" not in event.get("ScalingConfig", {}):
                wrong.append(f"{verb}: BatchSize must be 10, ScalingConfig MaximumConcurrency set")
    return wrong


@rule("the relay and the numbers read the stream from its beginning, give up within hours, and then keep the range")
def followers_are_bounded(stack: Stack) -> list[str]:
    wrong = []
    for verb in ("relay", "number"):
        (event,) = stack.events(stack.functions()[verb], "DynamoDB")
        if event.get("StartingPosition") != "TRIM_HORIZON" or event.get("BisectBatchOnFunctionError") is not True:
            wrong.append(f"{verb}: StartingPosition must be TRIM_HORIZON, BisectBatchOnFunctionError true")
        retries, age = event.get("MaximumRetryAttempts", -1), event.get("MaximumRecordAgeInSeconds", -1)
        if not 0 < retries <= 100 or not 0 < age <= 43_200:
            wrong.append(f"{verb}: MaximumRetryAttempts and MaximumRecordAgeInSeconds must leave half of 24 hours")
        destination = event.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if target(destination) not in stack.of_type("AWS::SQS::Queue"):
            wrong.append(f"{verb}: DestinationConfig OnFailure must be a queue")
    return wrong


@rule("every call that nobody waits for has retries with an end, and a queue for what failed")
def unattended_calls_are_kept(stack: Stack) -> list[str]:
    queues, wrong = stack.of_type("AWS::SQS::Queue"), []

    def check(owner: str, policy: dict, letters: object) -> None:
        if not {"MaximumRetryAttempts", "MaximumEventAgeInSeconds"} <= set(policy):
            wrong.append(f"{owner}: MaximumRetryAttempts and MaximumEventAgeInSeconds must be set")
        if target(letters) not in queues:
            wrong.append(f"{owner}: has no queue for failures")

    for verb, p in stack.functions().items():
        schedules = stack.events(p, "ScheduleV2")
        for event in schedules:
            check(f"{verb}: schedule", event.get("RetryPolicy", {}), event.get("DeadLetterConfig", {}).get("Arn"))
            if "StackName" not in target(event.get("Name")):
                wrong.append(
                    f"{verb}: the schedule's Name must contain the stack's, or a second stack cannot be deployed"
                )
            if event.get("ScheduleExpressionTimezone") != "UTC":
                wrong.append(f"{verb}: ScheduleExpressionTimezone must be UTC")
        if schedules or stack.events(p, "S3"):
            config = p.get("EventInvokeConfig", {})
            check(
                f"{verb}: EventInvokeConfig",
                config,
                config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
            )
        wrong.extend(f"{verb}: use ScheduleV2, which has retries and UTC" for _ in stack.events(p, "Schedule"))
    for name, p in stack.of_type("AWS::Scheduler::Schedule").items():
        check(name, p["Target"].get("RetryPolicy", {}), p["Target"].get("DeadLetterConfig", {}).get("Arn"))
    return wrong


@rule("every rule's dead-letter queue lets the rule in")
def rules_may_write_their_dead_letters(stack: Stack) -> list[str]:
    wrong = []
    for name, p in stack.of_type("AWS::Events::Rule").items():
        for goal in p["Targets"]:
            letters = target(goal.get("DeadLetterConfig", {}).get("Arn"))
            allowed = [
                s
                for policy in stack.of_type("AWS::SQS::QueuePolicy").values()
                for s in policy["PolicyDocument"]["Statement"]
                if target(s["Resource"]) == letters and target(s["Condition"]["ArnEquals"]["aws:SourceArn"]) == name
            ]
            if not allowed:
                wrong.append(f"{name}: no queue policy lets it into {letters}; without one, failed events vanish")
    return wrong


@rule("something rings when a dead-letter queue is not empty, the relay is late, a function fails or the tick stops")
def alarms_ring(stack: Stack) -> list[str]:
    alarms = list(stack.of_type("AWS::CloudWatch::Alarm").values())
    watched = {(a["MetricName"], target(d["Value"])) for a in alarms for d in a.get("Dimensions", [])}
    wanted = {
        ("ApproximateNumberOfMessagesVisible", q) for q in stack.of_type("AWS::SQS::Queue") if q.endswith("DeadLetters")
    }
    wanted |= {("Errors", p["_name"]) for p in stack.functions().values()}
    wanted |= {("IteratorAge", "RelayFunction"), ("Invocations", "SweepFunction")}
    return [f"no alarm on {metric} of {name}" for metric, name in sorted(wanted - watched)]


# ---- The record


@rule("the tables are on demand, encrypted, can be restored, and outlive the stack")
def tables_are_safe(stack: Stack) -> list[str]:
    wrong = []
    for name, p in stack.of_type("AWS::DynamoDB::Table").items():
        resource = stack.resources[name]
        facts = {
            "BillingMode PAY_PER_REQUEST": p.get("BillingMode") == "PAY_PER_REQUEST",
            "SSESpecification": p.get("SSESpecification", {}).get("SSEEnabled") is True,
            "point in time recovery": p.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
            is True,
            "DeletionProtectionEnabled by parameter": p.get("DeletionProtectionEnabled")
            == {"Ref": "DeletionProtection"},
            "DeletionPolicy Retain": resource.get("DeletionPolicy") == "Retain",
            "UpdateReplacePolicy Retain": resource.get("UpdateReplacePolicy") == "Retain",
        }
        wrong += [f"{name}: {what} is missing" for what, holds in facts.items() if not holds]
    return wrong


@rule("the tables have the keys that shared/aws/src/keys.rs writes")
def keys_agree(stack: Stack) -> list[str]:
    source = (tooling.ROOT / "shared" / "aws" / "src" / "keys.rs").read_text()
    constants = dict(re.findall(r'pub const (\w+): &str = "([^"]*)";', source))
    table, operations = stack.resources["Table"]["Properties"], stack.resources["OperationsTable"]["Properties"]
    (index,) = table["GlobalSecondaryIndexes"]

    def names(schema: list[dict]) -> list[str]:
        return [k["AttributeName"] for k in sorted(schema, key=lambda k: k["KeyType"])]

    pairs = [
        ("Table", names(table["KeySchema"]), [constants["PK"], constants["SK"]]),
        ("OperationsTable", names(operations["KeySchema"]), [constants["PK"]]),
        ("the due index", names(index["KeySchema"]), [constants["DUE_PARTITION"], constants["DUE_POSITION"]]),
        ("the due index's name", index["IndexName"], constants["DUE_INDEX"]),
        ("the due index's projection", index["Projection"], {"ProjectionType": "KEYS_ONLY"}),
        (
            "time to live",
            operations.get("TimeToLiveSpecification"),
            {"AttributeName": constants["EXPIRES"], "Enabled": True},
        ),
        ("the stream", table.get("StreamSpecification"), {"StreamViewType": "NEW_AND_OLD_IMAGES"}),
        ("time to live of the record", table.get("TimeToLiveSpecification"), None),
        ("the stream of operations", operations.get("StreamSpecification"), None),
    ]
    return [f"{what}: {have!r} must be {must!r}" for what, have, must in pairs if have != must]


@rule("the bucket is private and encrypted, and does not keep exports for ever")
def the_bucket_is_private(stack: Stack) -> list[str]:
    wrong = []
    for name, p in stack.of_type("AWS::S3::Bucket").items():
        block = p.get("PublicAccessBlockConfiguration", {})
        if len(block) != 4 or not all(value is True for value in block.values()):
            wrong.append(f"{name}: PublicAccessBlockConfiguration must block everything")
        if "BucketEncryption" not in p or "LifecycleConfiguration" not in p:
            wrong.append(f"{name}: BucketEncryption and LifecycleConfiguration must be set")
    return wrong


# ---- Parameters, samconfig, packaging


@rule("every parameter says what it is for, secrets are not echoed, and money never moves by default")
def parameters_are_documented(stack: Stack) -> list[str]:
    parameters = stack.template["Parameters"]
    wrong = [f"{name}: has no Description" for name, p in parameters.items() if not p.get("Description")]
    wrong += [
        f"{n}: NoEcho must be true"
        for n, p in parameters.items()
        if re.search("Secret|Password|Token", n) and p.get("NoEcho") is not True
    ]
    safe = {"TestClock": "off", "DeletionProtection": "true", "Arch": "arm64", "Gateway": "sandbox", "GatewayUrl": None}
    wrong += [f"{n}: the default must be {d!r}" for n, d in safe.items() if parameters[n].get("Default") != d]
    grouped = stack.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = {p for group in grouped for p in group["Parameters"]}
    return wrong + [
        f"{name}: is in no parameter group, or in one but not declared" for name in sorted(shown ^ set(parameters))
    ]


@rule("samconfig.toml has default, local and prod, asks before it changes prod, protects it, and holds no secret")
def samconfig_is_careful(stack: Stack) -> list[str]:
    text = (tooling.ROOT / "samconfig.toml").read_text()
    config, wrong = tomllib.loads(text), []
    for name in ("default", "local", "prod"):
        section = config.get(name, {})
        if section.get("build", {}).get("parameters", {}).get("template_file") != "infra/template.yaml":
            wrong.append(f"{name}: build template_file must be infra/template.yaml")
        if "template_file" in section.get("deploy", {}).get("parameters", {}):
            wrong.append(f"{name}: deploy must not name a template, or it deploys what was not built")
        overrides = section.get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
        given = dict(pair.split("=", 1) for pair in listed(overrides))
        wrong += [f"{name}: {key} is not a parameter" for key in given if key not in stack.template["Parameters"]]
        wrong += [
            f"{name}: {key} is a secret; give it on the command line"
            for key in given
            if stack.template["Parameters"].get(key, {}).get("NoEcho")
        ]
        if name == "prod":
            must = {"DeletionProtection": "true", "TestClock": "off"}
            wrong += [f"prod: {k} must be {v}" for k, v in must.items() if given.get(k) != v]
    if config.get("prod", {}).get("deploy", {}).get("parameters", {}).get("confirm_changeset") is not True:
        wrong.append("prod: confirm_changeset must be true")
    return wrong


@rule("what `sam build` compiles has the settings of [profile.lambda], and panics unwind")
def the_build_is_the_lambda_profile(_: Stack) -> list[str]:
    profiles = tomllib.loads((tooling.ROOT / "Cargo.toml").read_text())["profile"]
    build = tomllib.loads((tooling.ROOT / "functions" / "CargoLambda.toml").read_text())["build"]
    given = tomllib.loads("\n".join(build["config"]))["profile"]["release"]
    packaged = {**profiles["release"], **given}
    wanted = {k: v for k, v in {**profiles["release"], **profiles["lambda"]}.items() if k != "inherits"}
    wrong = [
        f"{k}: sam build uses {packaged.get(k)!r}, [profile.lambda] has {wanted.get(k)!r}"
        for k in sorted(packaged | wanted)
        if packaged.get(k) != wanted.get(k)
    ]
    if profiles["release"].get("panic") != "unwind":
        wrong.append('[profile.release] must say panic = "unwind": cargo-lambda adds abort where it says nothing')
    if build.get("locked") is not True:
        wrong.append("functions/CargoLambda.toml: locked must be true")
    return wrong
