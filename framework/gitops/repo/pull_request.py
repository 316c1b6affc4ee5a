"""Branches that are ours on a remote, and pull requests through GitHub's REST API."""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from framework.gitops.errors import GitopsError, PushRejected
from framework.gitops.repo.git import Git
from framework.gitops.repo.process import without_login

API = "https://api.github.com"
TIMEOUT_S = 20.0
MAX_ANSWER = 1_000_000
TRIES = 5
_SLUG = re.compile(r"(?:[:/])([\w.-]+/[\w.-]+?)(?:\.git)?/?$")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: the token would go along."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse."""
        return


def push_branch(git: Git, remote: str, *, branch: str, commit: str, base: str) -> tuple[str, str]:
    """Push a commit as a branch of its own; return the branch and the commit it has there.

    A branch that an earlier try has pushed with the same files is taken as it is; one that is taken by
    something else makes way for a name with a number. Raises GitError and GitopsError.
    """
    tree = git.run("rev-parse", f"{commit}^{{tree}}")
    for number in range(1, TRIES + 1):
        name = branch if number == 1 else f"{branch}-{number}"
        try:
            git.push(remote, f"{commit}:refs/heads/{name}")
            return name, commit
        except PushRejected:
            there = git.fetch(remote, name)
            same = git.run("rev-parse", f"{there}^{{tree}}") == tree
            if same and not git.is_ancestor(there, base):
                return name, there
    raise GitopsError(f"{branch}: is taken on the remote, and so are {TRIES - 1} names after it")


def open_pull_request(
    *,
    remote: str,
    branch: str,
    base: str,
    title: str,
    body: str,
    token: str | None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """Open a pull request, or find the one that is open; return its address, nothing without a token.

    ``GITHUB_API_URL`` names another server, ``GITHUB_REPOSITORY`` a repository other than the remote's.
    Raises GitopsError; the token is in no message.
    """
    environ = os.environ if environ is None else environ
    if not token:
        return ""
    api = (environ.get("GITHUB_API_URL") or API).rstrip("/")
    slug = environ.get("GITHUB_REPOSITORY") or _slug(remote)
    if urlsplit(api).scheme != "https" and urlsplit(api).hostname not in _LOOPBACK:
        raise GitopsError(f"{api}: is not https; allowed https, for a token goes there")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", slug):
        raise GitopsError(
            f"{without_login(remote)}: names no owner/repository; allowed GITHUB_REPOSITORY=owner/repository"
        )
    url = f"{api}/repos/{slug}/pulls"
    status, answer = _ask(url, token, {"title": title, "head": branch, "base": base, "body": body})
    if status == 422:  # one is open already: an earlier try was cut off
        head = quote(f"{slug.partition('/')[0]}:{branch}", safe="")
        status, listed = _ask(f"{url}?state=open&head={head}&base={quote(base, safe='')}", token)
        if status == 200 and isinstance(listed, list) and listed:
            return _address(listed[0], url)
        raise GitopsError(f"{url}: refused the pull request: {_reason(answer)}")
    if status != 201:
        raise GitopsError(f"{url}: answered {status}: {_reason(answer)}")
    return _address(answer, url)


def _ask(url: str, token: str, data: Mapping[str, Any] | None = None) -> tuple[int, Any]:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": "quoteops",
    }
    try:
        payload = json.dumps(data).encode() if data is not None else None
        request = urllib.request.Request(url, data=payload, headers=headers)
        with urllib.request.build_opener(_Stay).open(request, timeout=TIMEOUT_S) as answer:
            return answer.status, _parsed(answer.read(MAX_ANSWER))
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _parsed(error.read(MAX_ANSWER))
    except (OSError, ValueError) as error:  # ValueError: a token that is no header, whose text is not shown
        why = type(error).__name__ if isinstance(error, ValueError) else getattr(error, "reason", error)
        raise GitopsError(f"{url}: cannot be asked: {str(why).replace(token, '***')}") from None


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _reason(answer: Any) -> str:
    if not isinstance(answer, dict):
        return "no reason"
    errors = answer.get("errors") or []
    more = [str(e.get("message", "")) for e in errors if isinstance(e, dict)]
    return " ".join(" ".join([str(answer.get("message", "no reason")), *more]).split())[:300]


def _address(answer: Any, url: str) -> str:
    address = answer.get("html_url") if isinstance(answer, dict) else None
    if not isinstance(address, str):
        raise GitopsError(f"{url}: answered without an address of the pull request")
    return address


def _slug(remote: str) -> str:
    match = _SLUG.search(remote) if "://" in remote or "@" in remote else None
    return match[1] if match is not None else ""
