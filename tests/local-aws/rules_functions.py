"""Rules for functions and what they may do, a sentence each.

Exists because a missing permission, a star, or a variable that nobody reads is a line of a template that no compiler
sees. To add a rule: a function under @rule, and a deliberate break of it in check_template.py.
"""

from __future__ import annotations

import json
import re

import tooling
from stack import Stack, listed, resource_of, rule, target, walk

MONEY_VERBS = {"signup", "change-plan", "gateway-event", "renew", "collect", "retry-payment", "reconcile"}
# What each part of the configuration reads (shared/lambda-kit/src/config.rs, shared/wiring/src/lib.rs). A function's
# main.rs names the parts that it reads.
SECTIONS = {
    "Tables": {"TABLE", "OPERATIONS_TABLE", "DUE_SHARDS", "TEST_CLOCK"},
    "GatewaySettings": {"GATEWAY", "GATEWAY_URL"},
    "Queues": {"QUEUE_RENEW_URL", "QUEUE_COLLECT_URL", "QUEUE_RETRY_URL", "QUEUE_RECONCILE_URL"},
    "Pace": {"COLLECTIONS_PER_MINUTE", "GATEWAY"},
    "BusName": {"BUS_NAME"},
    "Seller": {"SELLER_ZONE"},
    "Reports": {"REPORTS_BUCKET", "REPORT_CURRENCY"},
    "WebhookSecrets": {"WEBHOOK_SECRETS"},
}
# They only read the record; the shards place what is written to it.
NOT_NEEDED = {"get": {"DUE_SHARDS"}, "record-usage": {"DUE_SHARDS"}, "number": {"DUE_SHARDS", "TEST_CLOCK"}}
# On AWS, whoever may do one of these to the record can lose or read all of it.
FORBIDDEN_ACTIONS = {
    "dynamodb:Scan",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteTable",
    "dynamodb:PartiQLDelete",
}


# ---- Functions


def folders() -> set[str]:
    return {p.parent.name for p in (tooling.ROOT / "functions").glob("*/Cargo.toml")}


@rule("every function folder has a resource, a sample event and a row in functions/README.md, and the other way round")
def verbs_agree(stack: Stack) -> list[str]:
    readme = (tooling.ROOT / "functions" / "README.md").read_text()
    table = readme.split("| function |", 1)[-1].split("\n\n", 1)[0]
    rows = {m.group(1) for m in re.finditer(r"^\| ([a-z][a-z-]+) \|", table, re.M)}
    events = {p.stem for p in (tooling.ROOT / "infra" / "events").glob("*.json")}
    resources = set(stack.functions())
    wrong = []
    for verb in sorted(folders() | rows | resources):
        for place, have in (
            ("functions/", folders()),
            ("infra/template.yaml", resources),
            ("infra/events/", events),
            ("functions/README.md", rows),
        ):
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
    return (
        [] if stack.template["Globals"]["Function"].get("Tracing") == "Active" else ["Globals: Tracing must be Active"]
    )


@rule("every function gets exactly the environment that its main.rs reads")
def environment_is_what_is_needed(stack: Stack) -> list[str]:
    code = (tooling.ROOT / "shared" / "lambda-kit" / "src" / "config.rs").read_text()
    code += (tooling.ROOT / "shared" / "wiring" / "src" / "lib.rs").read_text()
    wrong = [
        f"SECTIONS: no code reads {n}" for names in SECTIONS.values() for n in sorted(names) if f'"{n}"' not in code
    ]
    shared = set(stack.template["Globals"]["Function"].get("Environment", {}).get("Variables", {}))
    if shared != {"LOG_LEVEL"}:
        wrong.append(f"Globals: the shared environment must be LOG_LEVEL alone, not {sorted(shared)}")
    for verb, p in stack.functions().items():
        main = (tooling.ROOT / "functions" / verb / "src" / "main.rs").read_text()
        read = re.search(r"from_env::<\(?([\w\s,]+)\)?>", main) or re.search(
            r"let (\w+) \{[^=]*= config::from_env\(\)", main
        )
        if not read:
            wrong.append(f"{verb}: main.rs reads no configuration (config::from_env::<...>)")
            continue
        parts = re.findall(r"\w+", read.group(1))
        needed = set().union(*(SECTIONS[part] for part in parts)) - NOT_NEEDED.get(verb, set())
        given = set(p.get("Environment", {}).get("Variables", {}))
        if given != needed:
            wrong.append(f"{verb}: missing {sorted(needed - given)}, not needed {sorted(given - needed)}")
    return wrong


# ---- Permissions


@rule("no role has an action or a resource with a star for a name")
def no_stars(stack: Stack) -> list[str]:
    wrong = []
    for owner, statement in stack.all_statements():
        wrong += [f"{owner}: action {a}" for a in listed(statement["Action"]) if "*" in a]
        wrong += [f"{owner}: resource *" for r in listed(statement["Resource"]) if r == "*"]
    return wrong


@rule("no function may scan the tables or delete from them")
def nothing_is_deleted(stack: Stack) -> list[str]:
    return [
        f"{owner}: {a}" for owner, s in stack.all_statements() for a in listed(s["Action"]) if a in FORBIDDEN_ACTIONS
    ]


@rule("functions have inline statements only, because SAM's policy templates grant more than their names say")
def statements_are_inline(stack: Stack) -> list[str]:
    wrong = []
    for verb, p in stack.functions().items():
        inline = [q for q in p.get("Policies", []) if isinstance(q, dict) and set(q) <= {"Statement", "Version"}]
        if "Role" in p or len(inline) != len(p.get("Policies", [])) or not inline:
            wrong.append(f"{verb}: Policies must be inline statements, and Role must not be set")
    return wrong


@rule(
    "functions that move money read and put items of the record and nothing more, and each table is touched by whom it concerns"
)
def money_roles_fit(stack: Stack) -> list[str]:
    wrong = []
    for verb, p in stack.functions().items():
        may: dict[str, set[str]] = {}
        for s in stack.statements(p):
            for resource in listed(s["Resource"]):
                may.setdefault(target(resource), set()).update(listed(s["Action"]))
        put = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"}
        record = {v: put for v in MONEY_VERBS} | {"get": put - {"dynamodb:PutItem"}}
        # A collection reads its invoice and the payer in one call.
        record |= {v: put | {"dynamodb:BatchGetItem"} for v in ("collect", "retry-payment")}
        # A redemption is counted on the coupon's own item.
        record |= {v: put | {"dynamodb:UpdateItem"} for v in ("signup", "change-plan")}
        record["record-usage"] = {"dynamodb:GetItem"}
        record["number"] = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
        if may.get("Table", set()) != record.get(verb, set()):
            wrong.append(
                f"{verb}: on the record it needs {sorted(record.get(verb, set()))}, and has {sorted(may.get('Table', set()))}"
            )
        if verb not in {"signup", "change-plan", "sweep", "record-usage"} and "dynamodb:PutItem" in may.get("OperationsTable", set()):
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
