"""The rules of the house for infra/template.yaml, samconfig.toml and the packaging settings, a sentence each.

Exists because most of what makes a deployment safe (a dead-letter queue, a missing permission, a filter that deletes
money) is a few lines of a template that no compiler reads. check_template.py runs these rules. To add one: a function
under @rule, and a deliberate break of it in check_template.py.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Callable

import tooling

MONEY_VERBS = {"signup", "change-plan", "gateway-event", "renew", "collect", "retry-payment", "reconcile"}
# What each part of the configuration reads (shared/lambda-kit/src/config.rs, shared/wiring/src/lib.rs). A function's
# main.rs names the parts that it reads.
SECTIONS = {
    "Tables": {"TABLE", "OPERATIONS_TABLE", "DUE_SHARDS", "TEST_CLOCK"},
    "GatewaySettings": {"GATEWAY", "GATEWAY_URL"},
    "Queues": {"QUEUE_RENEW_URL", "QUEUE_COLLECT_URL", "QUEUE_RETRY_URL", "QUEUE_RECONCILE_URL"},
    "Pace": {"COLLECTIONS_PER_MINUTE", "GATEWAY"},
    "BusName": {"BUS_NAME"},
    "Reports": {"REPORTS_BUCKET", "REPORT_CURRENCY"},
    "WebhookSecrets": {"WEBHOOK_SECRETS"},
}
NOT_NEEDED = {"get": {"DUE_SHARDS"}}  # it only reads customers; the shards place what is written
# On AWS, whoever may do one of these to the record can lose or read all of it.
FORBIDDEN_ACTIONS = {"dynamodb:Scan", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:DeleteTable", "dynamodb:PartiQLDelete"}

Rule = Callable[["Stack"], list[str]]
RULES: list[tuple[str, Rule]] = []


def rule(sentence: str) -> Callable[[Rule], Rule]:
    """Registers a check under the sentence that it proves; it answers with what is wrong."""

    def register(check: Rule) -> Rule:
        RULES.append((sentence, check))
        return check

    return register


class Stack:
    """The template, and short ways to look at it."""

    def __init__(self, template: dict) -> None:
        self.template = template
        self.resources: dict[str, dict] = template["Resources"]

    def of_type(self, kind: str) -> dict[str, dict]:
        return {name: r.get("Properties", {}) for name, r in self.resources.items() if r["Type"] == kind}

    def functions(self) -> dict[str, dict]:
        """Verb -> properties."""
        found = {}
        for name, properties in self.of_type("AWS::Serverless::Function").items():
            found[verb_of(name)] = {**properties, "_name": name}
        return found

    def events(self, properties: dict, kind: str) -> list[dict]:
        return [e.get("Properties", {}) for e in properties.get("Events", {}).values() if e["Type"] == kind]

    def statements(self, properties: dict) -> list[dict]:
        return [s for policy in properties.get("Policies", []) if isinstance(policy, dict) for s in policy.get("Statement", [])]

    def all_statements(self) -> list[tuple[str, dict]]:
        found = [(verb, s) for verb, p in self.functions().items() for s in self.statements(p)]
        for name, role in self.of_type("AWS::IAM::Role").items():
            found += [(name, s) for policy in role.get("Policies", []) for s in policy["PolicyDocument"]["Statement"]]
        return found


def verb_of(resource: str) -> str:
    """RetryPaymentFunction -> retry-payment."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", resource.removesuffix("Function")).lower()


def resource_of(verb: str) -> str:
    return "".join(word.capitalize() for word in verb.split("-")) + "Function"


def listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def target(value: object) -> str:
    """The resource that a Ref, GetAtt or Sub points at."""
    if isinstance(value, dict):
        if "Ref" in value:
            return value["Ref"]
        if "Fn::GetAtt" in value:
            got = value["Fn::GetAtt"]
            return got.split(".")[0] if isinstance(got, str) else got[0]
        if "Fn::Sub" in value:
            return str(value["Fn::Sub"])
    return str(value)


def walk(value: object, path: str = ""):
    """Every (path, key, value) of nested mappings."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}/{key}", key, inner
            yield from walk(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}/{index}")


# ---- Functions ------------------------------------------------------------------------------------------------------


def folders() -> set[str]:
    return {p.parent.name for p in (tooling.ROOT / "functions").glob("*/Cargo.toml")}


@rule("every function folder has a resource, a sample event and a row in functions/README.md, and the other way round")
def verbs_agree(stack: Stack) -> list[str]:
    readme = (tooling.ROOT / "functions" / "README.md").read_text()
    rows = {m.group(1) for m in re.finditer(r"^\| ([a-z][a-z-]+) \|", readme, re.M)} - {"function"}
    events = {p.stem for p in (tooling.ROOT / "infra" / "events").glob("*.json")}
    resources = set(stack.functions())
    wrong = []
    for verb in sorted(folders() | rows | resources):
        for place, have in (("functions/", folders()), ("infra/template.yaml", resources), ("infra/events/", events), ("functions/README.md", rows)):
            if verb not in have:
                wrong.append(f"{verb} is missing in {place} (the resource would be {resource_of(verb)})")
    wrong += [f"infra/events/{name}.json belongs to no function" for name in sorted(events - folders() - resources)]
    return wrong


@rule("every sample event is JSON")
def events_parse(_: Stack) -> list[str]:
    wrong = []
    for path in (tooling.ROOT / "infra" / "events").glob("*.json"):
        try:
            json.loads(path.read_text())
        except ValueError as error:
            wrong.append(f"infra/events/{path.name}: {error}")
    return wrong


@rule("every function is built by cargo-lambda from its own folder, and says its memory and its time")
def functions_are_explicit(stack: Stack) -> list[str]:
    wrong = []
    for verb, p in stack.functions().items():
        metadata = stack.resources[p["_name"]].get("Metadata", {})
        if metadata.get("BuildMethod") != "rust-cargolambda":
            wrong.append(f"{verb}: Metadata BuildMethod must be rust-cargolambda")
        if p.get("CodeUri") != f"../functions/{verb}":
            wrong.append(f"{verb}: CodeUri must be ../functions/{verb}")
        wrong += [f"{verb}: {key} is not set" for key in ("Description", "MemorySize", "Timeout") if key not in p]
    return wrong


@rule("every function has a log group of its own with a retention, and logs JSON")
def logs_are_kept_for_a_while(stack: Stack) -> list[str]:
    groups = stack.of_type("AWS::Logs::LogGroup")
    wrong = [f"{name}: RetentionInDays is not set" for name, g in groups.items() if "RetentionInDays" not in g]
    if stack.template["Globals"]["Function"].get("LoggingConfig", {}).get("LogFormat") != "JSON":
        wrong.append("Globals: LoggingConfig LogFormat must be JSON")
    used = [target(p.get("LoggingConfig", {}).get("LogGroup")) for p in stack.functions().values()]
    for verb, group in zip(stack.functions(), used):
        if group not in groups or used.count(group) > 1:
            wrong.append(f"{verb}: LoggingConfig LogGroup must be a log group that no other function has")
    return wrong


@rule("every function is traced")
def functions_are_traced(stack: Stack) -> list[str]:
    return [] if stack.template["Globals"]["Function"].get("Tracing") == "Active" else ["Globals: Tracing must be Active"]


@rule("every function gets exactly the environment that its main.rs reads")
def environment_is_what_is_needed(stack: Stack) -> list[str]:
    code = (tooling.ROOT / "shared" / "lambda-kit" / "src" / "config.rs").read_text()
    code += (tooling.ROOT / "shared" / "wiring" / "src" / "lib.rs").read_text()
    wrong = [f"SECTIONS: no code reads {n}" for names in SECTIONS.values() for n in sorted(names) if f'"{n}"' not in code]
    shared = set(stack.template["Globals"]["Function"].get("Environment", {}).get("Variables", {}))
    if shared != {"LOG_LEVEL"}:
        wrong.append(f"Globals: the shared environment must be LOG_LEVEL alone, not {sorted(shared)}")
    for verb, p in stack.functions().items():
        main = (tooling.ROOT / "functions" / verb / "src" / "main.rs").read_text()
        read = re.search(r"from_env::<\(?([\w\s,]+)\)?>", main)
        if not read:
            wrong.append(f"{verb}: main.rs reads no configuration (config::from_env::<...>)")
            continue
        parts = re.findall(r"\w+", read.group(1))
        needed = set().union(*(SECTIONS[part] for part in parts)) - NOT_NEEDED.get(verb, set())
        given = set(p.get("Environment", {}).get("Variables", {}))
        if given != needed:
            wrong.append(f"{verb}: missing {sorted(needed - given)}, not needed {sorted(given - needed)}")
    return wrong


# ---- Permissions ----------------------------------------------------------------------------------------------------


@rule("no role has an action or a resource with a star for a name")
def no_stars(stack: Stack) -> list[str]:
    wrong = []
    for owner, statement in stack.all_statements():
        wrong += [f"{owner}: action {a}" for a in listed(statement["Action"]) if "*" in a]
        wrong += [f"{owner}: resource *" for r in listed(statement["Resource"]) if r == "*"]
    return wrong


@rule("no function may scan the tables or delete from them")
def nothing_is_deleted(stack: Stack) -> list[str]:
    return [f"{owner}: {a}" for owner, s in stack.all_statements() for a in listed(s["Action"]) if a in FORBIDDEN_ACTIONS]


@rule("functions have inline statements only, because SAM's policy templates grant more than their names say")
def statements_are_inline(stack: Stack) -> list[str]:
    wrong = []
    for verb, p in stack.functions().items():
        inline = [q for q in p.get("Policies", []) if isinstance(q, dict) and set(q) <= {"Statement", "Version"}]
        if "Role" in p or len(inline) != len(p.get("Policies", [])) or not inline:
            wrong.append(f"{verb}: Policies must be inline statements, and Role must not be set")
    return wrong


@rule("functions that move money read and put whole items of the record and nothing more, and each table is touched by whom it concerns")
def money_roles_fit(stack: Stack) -> list[str]:
    wrong = []
    for verb, p in stack.functions().items():
        may: dict[str, set[str]] = {}
        for s in stack.statements(p):
            for resource in listed(s["Resource"]):
                may.setdefault(target(resource), set()).update(listed(s["Action"]))
        put = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"}
        record = {v: put for v in MONEY_VERBS} | {"get": put - {"dynamodb:PutItem"}}
        if may.get("Table", set()) != record.get(verb, set()):
            wrong.append(f"{verb}: on the record it needs {sorted(record.get(verb, set()))}, and has {sorted(may.get('Table', set()))}")
        if verb not in {"signup", "change-plan", "sweep"} and "dynamodb:PutItem" in may.get("OperationsTable", set()):
            wrong.append(f"{verb}: must not put items into the operations table")
    return wrong


@rule("every function URL lets browsers in by a list of exact origins, and only to its methods")
def origins_are_exact(stack: Stack) -> list[str]:
    wrong = []
    for verb, p in stack.functions().items():
        if "FunctionUrlConfig" not in p:
            continue
        for path, key, value in walk(p["FunctionUrlConfig"]):
            if key == "AllowOrigins" and value != {"Ref": "AllowedOrigins"}:
                wrong.append(f"{verb}: AllowOrigins must be the parameter AllowedOrigins")
            if key in {"AllowMethods", "AllowHeaders"} and "*" in listed(value):
                wrong.append(f"{verb}: {path} must not be *")
        if verb == "gateway-event" and "Cors" in p["FunctionUrlConfig"]:
            wrong.append("gateway-event: no browser calls it, so it must not have CORS")
    default = stack.template["Parameters"]["AllowedOrigins"].get("Default")
    return wrong + ([f"AllowedOrigins: the default must allow none, not {default!r}"] if default else [])


# ---- Queues, stream, schedules ----------------------------------------------------------------------------------------


@rule("nothing filters what reaches a function: a filter deletes what it does not match")
def no_filters(stack: Stack) -> list[str]:
    return [path for path, key, _ in walk(stack.resources) if key in {"FilterCriteria", "FilterPolicy"}]


@rule("every queue that a function works on has a dead-letter queue after 5 tries, waits six timeouts and keeps messages 14 days")
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


@rule("the relay reads the stream from its beginning, gives up within hours, and then keeps the range")
def the_relay_is_bounded(stack: Stack) -> list[str]:
    (event,) = stack.events(stack.functions()["relay"], "DynamoDB")
    wrong = []
    if event.get("StartingPosition") != "TRIM_HORIZON" or event.get("BisectBatchOnFunctionError") is not True:
        wrong.append("StartingPosition must be TRIM_HORIZON, BisectBatchOnFunctionError true")
    if not 0 < event.get("MaximumRetryAttempts", -1) <= 100 or not 0 < event.get("MaximumRecordAgeInSeconds", -1) <= 43_200:
        wrong.append("MaximumRetryAttempts and MaximumRecordAgeInSeconds must leave half of the stream's 24 hours")
    destination = event.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    if target(destination) not in stack.of_type("AWS::SQS::Queue"):
        wrong.append("DestinationConfig OnFailure must be a queue")
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
                wrong.append(f"{verb}: the schedule's Name must contain the stack's, or a second stack cannot be deployed")
            if event.get("ScheduleExpressionTimezone") != "UTC":
                wrong.append(f"{verb}: ScheduleExpressionTimezone must be UTC")
        if schedules or stack.events(p, "S3"):
            config = p.get("EventInvokeConfig", {})
            check(f"{verb}: EventInvokeConfig", config, config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
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
                s for policy in stack.of_type("AWS::SQS::QueuePolicy").values() for s in policy["PolicyDocument"]["Statement"]
                if target(s["Resource"]) == letters and target(s["Condition"]["ArnEquals"]["aws:SourceArn"]) == name
            ]
            if not allowed:
                wrong.append(f"{name}: no queue policy lets it into {letters}; without one, failed events vanish")
    return wrong


@rule("something rings when a dead-letter queue is not empty, the relay is late, a function fails or the tick stops")
def alarms_ring(stack: Stack) -> list[str]:
    alarms = list(stack.of_type("AWS::CloudWatch::Alarm").values())
    watched = {(a["MetricName"], target(d["Value"])) for a in alarms for d in a.get("Dimensions", [])}
    wanted = {("ApproximateNumberOfMessagesVisible", q) for q in stack.of_type("AWS::SQS::Queue") if q.endswith("DeadLetters")}
    wanted |= {("Errors", p["_name"]) for p in stack.functions().values()}
    wanted |= {("IteratorAge", "RelayFunction"), ("Invocations", "SweepFunction")}
    return [f"no alarm on {metric} of {name}" for metric, name in sorted(wanted - watched)]


# ---- The record -------------------------------------------------------------------------------------------------------


@rule("the tables are on demand, encrypted, can be restored, and outlive the stack")
def tables_are_safe(stack: Stack) -> list[str]:
    wrong = []
    for name, p in stack.of_type("AWS::DynamoDB::Table").items():
        resource = stack.resources[name]
        facts = {
            "BillingMode PAY_PER_REQUEST": p.get("BillingMode") == "PAY_PER_REQUEST",
            "SSESpecification": p.get("SSESpecification", {}).get("SSEEnabled") is True,
            "point in time recovery": p.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is True,
            "DeletionProtectionEnabled by parameter": p.get("DeletionProtectionEnabled") == {"Ref": "DeletionProtection"},
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
        ("time to live", operations.get("TimeToLiveSpecification"), {"AttributeName": constants["EXPIRES"], "Enabled": True}),
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


# ---- Parameters, samconfig, packaging -----------------------------------------------------------------------------------


@rule("every parameter says what it is for, secrets are not echoed, and money never moves by default")
def parameters_are_documented(stack: Stack) -> list[str]:
    parameters = stack.template["Parameters"]
    wrong = [f"{name}: has no Description" for name, p in parameters.items() if not p.get("Description")]
    wrong += [f"{n}: NoEcho must be true" for n, p in parameters.items() if re.search("Secret|Password|Token", n) and p.get("NoEcho") is not True]
    safe = {"TestClock": "off", "DeletionProtection": "true", "Arch": "arm64", "Gateway": "sandbox", "GatewayUrl": None}
    wrong += [f"{n}: the default must be {d!r}" for n, d in safe.items() if parameters[n].get("Default") != d]
    grouped = stack.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    shown = {p for group in grouped for p in group["Parameters"]}
    return wrong + [f"{name}: is in no parameter group, or in one but not declared" for name in sorted(shown ^ set(parameters))]


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
        wrong += [f"{name}: {key} is a secret; give it on the command line" for key in given if stack.template["Parameters"].get(key, {}).get("NoEcho")]
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
    wrong = [f"{k}: sam build uses {packaged.get(k)!r}, [profile.lambda] has {wanted.get(k)!r}" for k in sorted(packaged | wanted) if packaged.get(k) != wanted.get(k)]
    if profiles["release"].get("panic") != "unwind":
        wrong.append('[profile.release] must say panic = "unwind": cargo-lambda adds abort where it says nothing')
    if build.get("locked") is not True:
        wrong.append("functions/CargoLambda.toml: locked must be true")
    return wrong
