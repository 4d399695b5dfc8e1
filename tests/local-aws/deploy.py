"""Deploys the stack into an emulator of AWS and lives a month with it, as a merchant and a customer would.

Exists because only a deployment shows that template, permissions, binaries, queues, stream and schedule fit together.
`sam deploy` puts the real binaries (quick profile) into ministack; a customer signs up through the function URL, the
test clock moves a month, and the renewal has to come by itself: schedule -> sweep -> queue -> renew -> sweep -> queue
-> collect -> gateway, exactly once. Nothing is asked of the internet once the tools are installed.

    python3 tests/local-aws/deploy.py [--keep] [--no-build]     (--keep leaves the work folder with all logs)
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tests/tooling.py

import tooling
from actors import SHARDS
from emulator import Emulator, Failed, FunctionUrl, emulator, free_port, process, request, wait_for
from story import Story, tell

STACK = "perennial-test"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # signs nothing but this test's events
VERBS = sorted(p.parent.name for p in (tooling.ROOT / "functions").glob("*/Cargo.toml"))
BUILD_SECONDS = 3000


def build(*, again: bool) -> Path:
    """The folder of the binaries, all built with the quick profile."""
    env = {**os.environ, "CARGO_TARGET_DIR": str(tooling.target_dir())}
    if again:
        tooling.run(tooling.BUILD, seconds=BUILD_SECONDS, env=env)
    folder = tooling.target_dir() / "debug"
    missing = [n for n in [*VERBS, "perennial", "sandbox-gateway"] if not (folder / n).is_file()]
    if missing:
        raise Failed(
            f"cargo built no binary for {', '.join(missing)}: a function's [[bin]] must have its folder's name"
        )
    return folder


def package(binaries: Path, work: Path) -> Path:
    """A copy of the template whose functions are the binaries just built. Nothing else is changed."""
    if not shutil.which("strip"):
        raise Failed("strip is missing: apt-get install binutils")
    for verb in VERBS:
        folder = work / "built" / verb
        folder.mkdir(parents=True)
        # Without symbols the packages are small enough to upload eleven of them in seconds.
        tooling.run(["strip", "--strip-all", "-o", str(folder / "bootstrap"), str(binaries / verb)], seconds=120)
    text = (tooling.ROOT / "infra" / "template.yaml").read_text()
    text, count = re.subn(
        r"CodeUri: \.\./functions/([a-z-]+)", lambda m: f"CodeUri: {work / 'built' / m.group(1)}", text
    )
    if count != len(VERBS):
        raise Failed(f"{count} functions in the template, {len(VERBS)} folders")
    path = work / "template.yaml"
    path.write_text(text)
    return path


def deploy(aws: Emulator, template: Path, gateway_port: int) -> dict[str, str]:
    """Stock `sam deploy`; answers with the stack's outputs."""
    env = tooling.tool_env(name="sam", AWS_ENDPOINT_URL=aws.url)
    parameters = [
        "Arch=x86_64",
        "TestClock=on",
        f"DueShards={SHARDS}",
        "DeletionProtection=false",
        f"GatewayUrl=http://127.0.0.1:{gateway_port}",
        f"WebhookSecrets={SECRET}",
        "AllowedOrigins=https://shop.example.com",
    ]
    tooling.run(
        [
            "sam",
            "deploy",
            "--config-env",
            "none",
            "--template-file",
            str(template),
            "--stack-name",
            STACK,
            "--resolve-s3",
            "--region",
            "us-east-1",
            "--capabilities",
            "CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--no-progressbar",
            "--parameter-overrides",
            *parameters,
        ],
        seconds=300,
        env=env,
        cwd=template.parent,
    )
    listed = tooling.run(
        ["sam", "list", "stack-outputs", "--stack-name", STACK, "--output", "json"],
        seconds=60,
        env=env,
        cwd=template.parent,
    )
    return {o["OutputKey"]: o["OutputValue"] for o in json.loads(listed[listed.index("[") :])}


def ended(*_: object) -> None:
    raise Failed("ended from outside")


def main() -> int:
    signal.signal(signal.SIGTERM, ended)  # so that the emulator is ended with us
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the work folder with all logs")
    parser.add_argument("--no-build", action="store_true", help="take the binaries of the target folder as they are")
    arguments = parser.parse_args()
    story = Story()
    work = Path(tempfile.mkdtemp(prefix="perennial-deploy-"))
    try:
        story.say("taking the binaries as they are" if arguments.no_build else "building the binaries ...")
        binaries = build(again=not arguments.no_build)
        gateway_port = free_port()
        with emulator(work) as aws:
            story.say(f"an empty AWS listens on {aws.url}; deploying ...")
            outputs = deploy(aws, package(binaries, work), gateway_port)
            story.expect(
                f"stock `sam deploy` created the stack with {len(VERBS)} functions", "SignupUrl" in outputs, outputs
            )
            hook = f"{aws.url}/_aws/lambda-url/{FunctionUrl(aws, outputs['GatewayEventUrl']).id}/gateway-event"
            command = [
                str(binaries / "sandbox-gateway"),
                "--port",
                str(gateway_port),
                "--log",
                str(work / "charges.jsonl"),
                "--webhook-url",
                hook,
                "--webhook-secret",
                SECRET,
            ]
            with process(command, log=work / "gateway.log", env=dict(os.environ), cwd=work):
                wait_for(
                    "the sandbox gateway",
                    lambda: request(gateway_port, "GET", "/log", seconds=5).status == 200,
                    seconds=30,
                    every=0.2,
                )
                try:
                    tell(story, aws, outputs, binaries, work, gateway_port)
                except (Failed, tooling.ToolMissing, OSError, KeyError, ValueError, IndexError) as problem:
                    story.expect("the story goes on", False, f"{type(problem).__name__}: {problem}")
                if story.failed:
                    show_logs(aws, work)
    except (Failed, tooling.ToolMissing) as problem:
        story.expect("the stack can be built and deployed", False, problem)
        for log in work.glob("*.log"):
            print(f"---- {log.name}\n{log.read_text(errors='replace')[-2000:]}")
    finally:
        if arguments.keep:
            story.say(f"logs are in {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    print(f"\n{story.passed} passed, {story.failed} failed")
    return 1 if story.failed else 0


def show_logs(aws: Emulator, work: Path) -> None:
    for verb in VERBS:
        lines = [
            line for line in aws.logged(f"/perennial/{STACK}/{verb}") if not line.startswith(("START", "END", "REPORT"))
        ]
        if lines:
            print(f"---- log of {verb}\n" + "\n".join(line[:600] for line in lines[-8:]))
    for log in ("gateway.log", "emulator.log"):
        print(f"---- {log}\n" + "\n".join((work / log).read_text(errors="replace").splitlines()[-25:]))


if __name__ == "__main__":
    sys.exit(main())
