"""The tools that the checks beside this file run, in virtual environments of their own, at pinned versions.

Exists because the SAM CLI and the emulator cannot share an environment (their dependencies disagree), and because a
check that finds a tool missing must install it or fail; it must never pass by skipping. Standard library only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("PERENNIAL_CACHE") or Path.home() / ".cache" / "perennial")

# Raise a version here, run the checks, commit: nothing else pins them.
PINS = {
    "sam": ["aws-sam-cli==1.170.0", "cargo-lambda==1.9.2", "ziglang==0.17.1"],
    "emu": [
        "ministack==1.5.33",
        "aws-sam-translator==1.115.0",
        "cfn-lint==1.58.0",
        "cryptography==50.0.2",
        "PyYAML==6.0.3",
    ],
    "peers": ["numpy==2.4.6", "pyarrow==26.0.1", "duckdb==2.0.0", "polars==2.1.0", "sqlglot==30.30.0"],
    "calc": ["jsonschema==4.26.0"],
    "browser": ["selenium==4.34.2"],
}
INSTALL_SECONDS = 900

# All programs, the examples that measure, and the features of the workspace's tests: another choice of targets would
# compile the dependencies again.
BUILD = ["cargo", "build", "--workspace", "--bins", "--examples", "--locked"]


def target_dir() -> Path:
    """Where cargo builds: outside the checkout, so that the next one finds the dependencies."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or CACHE / "target")



class ToolMissing(Exception):
    """A tool could not be had; the message says what to do."""


def have_program(program: str, package: str) -> str:
    """Makes `program` available by its Debian package (empty: none has it); what is wrong otherwise."""
    if shutil.which(program):
        return ""
    if not package:
        return f"{program} is not installed: install the Rust toolchain (rustup), with clippy and rustfmt"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"{program} is not installed: apt-get install {package}"
    print(f"installing {package} ...", flush=True)
    quiet = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    }
    subprocess.run(["apt-get", "update", "-q"], timeout=300, check=False, **quiet)
    subprocess.run(
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", package], timeout=900, check=False, **quiet
    )
    return "" if shutil.which(program) else f"apt-get install {package} brought no {program}"


def venv(name: str) -> Path:
    """The folder of the environment `name`, made and filled when it is not there at these versions."""
    folder = CACHE / "venvs" / name
    wanted = "\n".join([sys.version.split()[0], *PINS[name]])
    stamp = folder / "perennial-pins"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two checks at once must not fill one folder
        if stamp.is_file() and stamp.read_text() == wanted:
            return folder
        print(f"installing {', '.join(PINS[name])} into {folder} ...", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            run([sys.executable, "-m", "venv", str(folder)], seconds=120)
            run(
                [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *PINS[name]],
                seconds=INSTALL_SECONDS,
            )
        except ToolMissing as problem:
            shutil.rmtree(folder, ignore_errors=True)
            raise ToolMissing(
                f"{problem}\nThe checks need {', '.join(PINS[name])}. On Debian `apt-get install python3-venv` may be missing; "
                "otherwise look at the answer of the package registry above."
            ) from None
        stamp.write_text(wanted)
    return folder


def tool_env(*, name: str = "sam", **extra: str) -> dict[str, str]:
    """The process environment with an environment's tools first on the path, and no AWS but what is given."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    path = os.pathsep.join([str(venv(name) / "bin"), keep.get("PATH", "")])
    fixed = {
        "PATH": path,
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    return {**keep, **fixed, **extra}


def run(command: list[str], *, seconds: int, env: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Output of a command that must succeed within `seconds`."""
    try:
        done = subprocess.run(
            command,
            env=env,
            cwd=cwd,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except FileNotFoundError:
        raise ToolMissing(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired as late:
        said = late.stdout if isinstance(late.stdout, str) else (late.stdout or b"").decode(errors="replace")
        raise ToolMissing(
            f"{' '.join(command[:4])} ... took more than {seconds} s; its last words:\n{said[-2000:]}"
        ) from None
    if done.returncode != 0:
        raise ToolMissing(f"{' '.join(command[:6])} ... answered {done.returncode}:\n{done.stdout[-6000:]}")
    return done.stdout


def reenter(name: str) -> None:
    """Continues the calling script in the environment `name`, whose packages it needs."""
    if Path(sys.prefix).resolve() == (CACHE / "venvs" / name).resolve():
        return
    try:
        python = venv(name) / "bin" / "python"
    except ToolMissing as problem:
        sys.exit(str(problem))
    sys.stdout.flush()
    os.execv(python, [str(python), *sys.argv])
