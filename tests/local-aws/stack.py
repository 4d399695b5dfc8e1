"""The template as the rules see it: resources by type, functions by verb, statements by owner.

Exists so that a rule in rules_functions.py or rules_resources.py is a few lines about what it forbids.
"""

from __future__ import annotations

import re
from typing import Callable

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
        return [
            s
            for policy in properties.get("Policies", [])
            if isinstance(policy, dict)
            for s in policy.get("Statement", [])
        ]

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
