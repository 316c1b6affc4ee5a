"""Run a workflow's steps in order, as the hosted runner would, against a clone of a real remote.

``run:`` steps go to bash with their real environment and their real text; the few actions the workflows use
(checkout, setup-python, artifacts) are acted out with git and copies. Anything else is refused.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
TOKEN = re.compile(r"\s*(\|\||&&|==|!=|!|\(|\)|'[^']*'|[\w.\-]+)")


@dataclass
class Job:
    """How a job ended: its status, what its steps printed, and its summary."""

    status: str = "success"
    printed: str = ""
    summary: str = ""
    workspace: Path = Path()


@dataclass
class Workflow:
    """One run of one workflow file; ``context`` holds github, inputs, secrets and vars as mappings."""

    file: Path
    remote: Path
    work: Path
    venv: Path
    context: dict[str, Any]
    system: str = "linux"
    jobs: dict[str, Job] = field(default_factory=dict)
    timeout_s: float = 240.0

    def run(self) -> dict[str, Job]:
        """Run every job in order of its needs; give how each ended."""
        text = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        for name, job in text["jobs"].items():
            needs = job.get("needs", [])
            needs = [needs] if isinstance(needs, str) else needs
            state = "success" if all(self.jobs[n].status == "success" for n in needs) else "failure"
            results = {n: {"result": self.jobs[n].status} for n in needs}
            context = {**self.context, "matrix": self._matrix(job), "needs": results}
            if not evaluate(job.get("if", "success()"), context, state):
                self.jobs[name] = Job(status="skipped")
                continue
            self.jobs[name] = self._job(name, job, context)
        return self.jobs

    def _matrix(self, job: dict[str, Any]) -> dict[str, Any]:
        rows = job.get("strategy", {}).get("matrix", {}).get("include", [{}])
        return next((row for row in rows if row.get("system", self.system) == self.system), {})

    def _job(self, name: str, job: dict[str, Any], context: dict[str, Any]) -> Job:
        result = Job(workspace=self.work / f"{self.file.stem}-{name}")
        summary = self.work / f"{self.file.stem}-{name}.md"
        summary.touch()
        for step in job["steps"]:
            if not evaluate(step.get("if", "success()"), context, result.status):
                continue
            scope = {**job.get("env", {}), **step.get("env", {})}
            env = {key: fill(str(value), context) for key, value in scope.items()}
            ok = (
                self._action(step, result, context)
                if "uses" in step
                else self._shell(fill(step["run"], context), env, summary, result)
            )
            if not ok:
                result.status = "failure"
        result.summary = summary.read_text(encoding="utf-8")
        return result

    def _shell(self, script: str, env: dict[str, str], summary: Path, result: Job) -> bool:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=result.workspace,
            env={**os.environ, **env, "CI": "true", "GITHUB_STEP_SUMMARY": str(summary)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=self.timeout_s,
            check=False,
        )
        result.printed += f"$ {script}\n{done.stdout}"
        return done.returncode == 0

    def _action(self, step: dict[str, Any], result: Job, context: dict[str, Any]) -> bool:
        action, given = step["uses"].partition("@")[0], step.get("with", {})
        if action == "actions/setup-python":
            return True
        if action == "actions/checkout":
            ref = fill(str(given.get("ref", context["github"]["sha"])), context)
            git("clone", "--quiet", str(self.remote), str(result.workspace))
            git("-C", str(result.workspace), "checkout", "--quiet", ref)
            self._stand_in(result.workspace)
            return True
        store = self.work / "artifacts" / fill(given["name"], context)
        place = result.workspace / given["path"]
        if action == "actions/upload-artifact":
            if not place.exists():
                return str(given.get("if-no-files-found", "warn")) != "error"
            shutil.copytree(place, store, dirs_exist_ok=True, symlinks=True)
            return True
        if action == "actions/download-artifact":
            if not store.exists():
                return False
            shutil.copytree(store, place, dirs_exist_ok=True, symlinks=True)
            return True
        raise AssertionError(f"{self.file.name}: {step['uses']} is not acted out here")

    def _stand_in(self, workspace: Path) -> None:
        """Let ``make venv`` find the environment that runs the tests, newer than the clone's locks."""
        place = workspace.resolve() / ".venv"
        (place / "bin").mkdir(parents=True)
        for file in (self.venv / "bin").iterdir():
            if file.name != "quoteops":
                (place / "bin" / file.name).symlink_to(file)
        command = place / "bin" / "quoteops"
        command.write_text(f'#!/bin/sh\n# {place}\nexec {self.venv}/bin/quoteops "$@"\n')
        command.chmod(0o755)
        for stamp in ("core.stamp", "dev.stamp"):
            (place / stamp).touch()
        for path in (*workspace.glob("requirements/*"), workspace / "pyproject.toml"):
            os.utime(path, (0, 0))


def git(*args: str, cwd: Path | None = None) -> str:
    """Run git and give what it printed."""
    done = subprocess.run(["git", *args], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"git {' '.join(args)}: {done.stderr}"
    return done.stdout.strip()


def fill(text: str, context: dict[str, Any]) -> str:
    """Replace every expression in a text by its value, as the runner writes it."""
    return EXPRESSION.sub(lambda found: written(value_of(found[1], context, "success")), text)


def evaluate(condition: Any, context: dict[str, Any], status: str) -> bool:
    """Tell whether an ``if`` holds; without a status function it also asks for success."""
    text = str(condition).strip()
    text = text[3:-2] if text.startswith("${{") else text
    asked = re.search(r"\b(success|failure|cancelled|always)\(\)", text)
    return bool(value_of(text, context, status)) and (bool(asked) or status == "success")


def written(value: Any) -> str:
    """Write a value as an expression's result."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def value_of(text: str, context: dict[str, Any], status: str) -> Any:
    """Give the value of an expression: names, strings, numbers, ! == != && || and the status functions."""
    tokens = TOKEN.findall(text)
    functions = {
        "success": status == "success",
        "failure": status == "failure",
        "cancelled": False,
        "always": True,
    }

    def either() -> Any:
        value = both()
        while tokens and tokens[0] == "||":
            tokens.pop(0)
            right = both()
            value = value or right
        return value

    def both() -> Any:
        value = equal()
        while tokens and tokens[0] == "&&":
            tokens.pop(0)
            right = equal()
            value = right if value else value
        return value

    def equal() -> Any:
        value = one()
        if tokens and tokens[0] in ("==", "!="):
            same = tokens.pop(0) == "=="
            value = (value == one()) is same
        return value

    def one() -> Any:
        token = tokens.pop(0)
        if token == "!":
            return not one()
        if token == "(":
            value = either()
            tokens.pop(0)
            return value
        if token.startswith("'"):
            return token[1:-1]
        if token in functions:
            del tokens[:2]
            return functions[token]
        if token in ("true", "false"):
            return token == "true"
        if re.fullmatch(r"-?\d+(\.\d+)?", token):
            return float(token) if "." in token else int(token)
        found: Any = context
        for name in token.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return either()
