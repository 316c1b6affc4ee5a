"""The agent's journal goes to its branch as it grows, with the contents it names and the lease."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from framework.errors import QuoteopsError
from framework.gitops.agent.adoption import contents_of, published_contents
from framework.gitops.agent.observer import Observer
from framework.gitops.agent.pause import Pause
from framework.gitops.agent.state_dir import JournalView
from framework.gitops.agent.tenancy import Tenancy
from framework.gitops.repo.journal_branch import publish_head
from framework.journal.journal import Journal


@dataclass
class Publishing:
    """What of this agent others can read; the network is asked in ``publish`` alone."""

    observer: Observer
    tenancy: Tenancy
    sign: Path | None = None
    fault: str = ""
    """Why the journal could not be published last."""

    def __post_init__(self) -> None:
        self._pause = Pause(self.observer.now)
        self._sent: tuple[int, int] | None = None

    def publish(self, *, release: bool = False) -> None:
        """Push the journal as it has grown, its contents, and the lease, renewed or given back.

        What goes wrong is kept, and tried again later. Another agent's lease is left alone.
        """
        tenancy = self.tenancy
        if not tenancy.publishes or (self._pause.lasts() and not release):
            return
        if tenancy.other is not None or tenancy.adoption is not None:
            return
        try:
            stamp = self._journal_stamp()
            held = tenancy.mine is not None
            if stamp in (None, self._sent) and not tenancy.is_due() and not (release and held):
                return
            self._push(release=release)
            self._sent, self.fault = stamp, ""
            self._pause.end()
        except (QuoteopsError, OSError) as error:
            self.fault = str(error)
            self._pause.begin()

    def _push(self, *, release: bool) -> None:
        observer, state_dir = self.observer, self.observer.state_dir
        name = state_dir.environment
        history = JournalView(state_dir.journal).history()

        def beside(tip: str | None) -> dict[str, bytes | None]:
            there = frozenset() if tip is None else frozenset(published_contents(observer.git, tip, name))
            contents = contents_of(history, state_dir, there=there)
            files = {f"{name}.contents/{file}": data for file, data in contents.items()}
            return {**self.tenancy.renewal(tip, release=release), **files}

        done = publish_head(
            observer.git,
            observer.remote,
            name,
            Journal(state_dir.journal),
            known=observer.published,
            sign=self.sign,
            beside=beside,
        )
        self.tenancy.renewed(release=release)
        observer.published = done.commit

    def _journal_stamp(self) -> tuple[int, int] | None:
        journal = self.observer.state_dir.journal
        if not journal.is_file():
            return None
        stat = journal.stat()
        return (stat.st_ino, stat.st_size) if stat.st_size else None
