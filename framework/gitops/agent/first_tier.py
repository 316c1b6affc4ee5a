"""The tier of an environment nothing is in force in, told by the branch alone: the whole branch must agree.

Who has no checkout to go by would else believe a push that calls production a sandbox, where nobody signs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from framework.errors import QuoteopsError
from framework.gitops.repo.git import Git
from framework.settings.documents import parse_yaml
from framework.settings.gitops_files import ENVIRONMENTS

START = "start the agent in a checkout (--home), whose tier counts"


@dataclass
class FirstTier:
    """What the commits of a branch say of an environment's tier; each branch head is read once."""

    git: Git
    environment: str
    _said: dict[str, str] = field(default_factory=dict)

    def doubt(self, head: str, tier: str) -> str:
        """Say why a head's environment is not believed to be a sandbox, or nothing."""
        if tier != "sandbox":
            return f"nothing here says who may promote to {tier or 'an unknown tier'}; {START}"
        if head not in self._said:
            self._said = {head: self._doubt(head)}
        return self._said[head]

    def _doubt(self, head: str) -> str:
        path = f"{ENVIRONMENTS}/{self.environment}.yaml"
        try:
            words = ("log", "--full-history", "-m", "--format=%H", "--end-of-options", head, "--", path)
            for commit in dict.fromkeys(self.git.run(*words).decode().split()):
                data = self.git.show(commit, path)
                if data is None:  # it was removed there
                    continue
                stated = parse_yaml(data.decode(errors="replace"), where=path).data.get("tier")
                if stated != "sandbox":
                    return f"the tier is sandbox now and was {stated} in {commit[:12]}; {START}"
        except QuoteopsError as error:
            return f"not every commit's tier can be read ({error}); {START}"
        return ""
