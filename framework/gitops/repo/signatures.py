"""Who signed a commit or a text: SSH signatures alone, by the keys that a policy names."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from framework.gitops.errors import SignatureError
from framework.gitops.repo.git import Git
from framework.gitops.repo.process import reason_of

TIMEOUT_S = 20.0
_GOOD_TEXT = re.compile(r"^Good .* signature (for .+ )?with (?P<type>\S+) key (?P<key>SHA256:\S+)$", re.M)
_GOOD = re.compile(r'^Good "git" signature for (?P<who>.+) with (?P<type>\S+) key (?P<key>SHA256:\S+)$', re.M)


@dataclass(frozen=True)
class Signer:
    """Who signed a commit: the principal the allowed signers give to the key, and the key's fingerprint."""

    principal: str
    fingerprint: str


def verify_commits(git: Git, since: str | None, head: str, allowed_signers: str, revoked: str = "") -> None:
    """Verify every commit that a head brings over ``since``; of a first head, that one alone.

    A signed commit says nothing of what lies beneath it. Raises SignatureError as ``verify_commit`` does.
    """
    span = head if since is None else f"{since}..{head}"
    one = ["--max-count=1"] if since is None else []
    for sha in git.run("rev-list", *one, "--end-of-options", span).decode().split():
        verify_commit(git, sha, allowed_signers, revoked)


def verify_commit(git: Git, sha: str, allowed_signers: str, revoked: str = "") -> Signer:
    """Return who signed a commit, by an SSH key that ``allowed_signers`` names (ssh-keygen's format).

    ``revoked`` lists public keys that no longer count. Raises SignatureError for no signature, one of
    another kind, a key that is not allowed, and content that is not what was signed.
    """
    raw = git.run("cat-file", "commit", sha)
    header = raw.partition(b"\n\n")[0]
    if b"\ngpgsig -----BEGIN SSH SIGNATURE-----\n" not in header:
        raise SignatureError(f"{sha[:12]}: is not signed with an SSH key; allowed a signer of the policy")
    with tempfile.TemporaryDirectory(prefix="quoteops-signers-") as folder:
        signers, gone = Path(folder) / "allowed", Path(folder) / "revoked"
        signers.write_text(allowed_signers, encoding="utf-8")
        gone.write_text(revoked, encoding="utf-8")
        config = [f"gpg.ssh.allowedSignersFile={signers}", "gpg.minTrustLevel=undefined"]
        config += [f"gpg.ssh.revocationFile={gone}"] if revoked.strip() else []
        flags = [word for line in config for word in ("-c", line)]
        code, _, err = git.attempt((*flags, "verify-commit", "--raw", sha))
    good = _GOOD.search(err.decode(errors="replace"))
    if code != 0 or good is None:
        raise SignatureError(f"{sha[:12]}: its signature does not count: {reason_of(err, code)}")
    return Signer(good["who"], good["key"])


def sign_text(text: str, *, key: Path, namespace: str) -> str:
    """Return the SSH signature of a text by a private key, or by the agent that holds it.

    Raises SignatureError when the key cannot sign without being asked for a passphrase.
    """
    code, out, err = _ssh_keygen("-Y", "sign", "-q", "-n", namespace, "-f", str(key), text=text)
    if code != 0 or not out.startswith("-----BEGIN SSH SIGNATURE-----"):
        raise SignatureError(
            f"{key}: cannot sign ({_reason(err, code)}); allowed an SSH key without passphrase"
        )
    return out


def verify_text(
    text: str, signature: str, *, namespace: str, allowed_signers: str, revoked: str = ""
) -> Signer:
    """Return who signed a text in a namespace, by an SSH key that ``allowed_signers`` names.

    Raises SignatureError for a key that is not allowed, or not for that namespace, for one that was revoked,
    and for a text that is not what was signed.
    """
    with tempfile.TemporaryDirectory(prefix="quoteops-signers-") as folder:
        allowed, gone, signed = (Path(folder) / name for name in ("allowed", "revoked", "signature"))
        allowed.write_text(allowed_signers, encoding="utf-8")
        gone.write_text(revoked, encoding="utf-8")
        signed.write_text(signature, encoding="utf-8")
        words = ("-s", str(signed), "-f", str(allowed))
        code, out, err = _ssh_keygen("-Y", "find-principals", *words)
        if code != 0:
            raise SignatureError(f"its signature does not count: {_reason(err, code)}")
        words = (*words, "-n", namespace, *(("-r", str(gone)) if revoked.strip() else ()))
        for principal in dict.fromkeys(out.splitlines()):
            code, out, err = _ssh_keygen("-Y", "verify", "-I", principal, *words, text=text)
            good = _GOOD_TEXT.search(out)
            if code == 0 and good is not None:
                return Signer(principal, good["key"])
    why = _reason(err, code).rpartition(f"{allowed}:")[2] if err.strip() else "its key was revoked"
    raise SignatureError(f"its signature does not count: {why}")


def _ssh_keygen(*words: str, text: str = "") -> tuple[int, str, str]:
    try:
        done = subprocess.run(
            ["ssh-keygen", *words],
            input=text.encode(),
            capture_output=True,
            timeout=TIMEOUT_S,
            env={**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"},
            start_new_session=True,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SignatureError(f"ssh-keygen cannot run here: {error}") from error
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def _reason(err: str, code: int) -> str:
    """Return the line that says why."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"ssh-keygen ended with {code}"
