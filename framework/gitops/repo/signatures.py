"""Who signed a commit: SSH signatures alone, by the keys that a policy names."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from framework.gitops.errors import SignatureError
from framework.gitops.repo.git import Git, reason_of

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
