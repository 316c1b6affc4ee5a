"""What the gitops room refuses with."""

from framework.errors import QuoteopsError


class GitopsError(QuoteopsError):
    """Say what of the desired state, its evidence or its history is wrong, and what is allowed."""


class GitError(GitopsError):
    """Say which git operation failed, on what, and why."""


class MirrorDamaged(GitError):
    """A repository that is only a copy cannot be read any more; it was set aside, and one is made anew."""


class BranchMissing(GitError):
    """The remote has no branch of that name."""


class PushRejected(GitError):
    """The remote refused a push that would not have been a fast-forward: somebody else was first."""


class SignatureError(GitError):
    """A commit is not signed by anybody who may sign it."""
