"""One bot of an environment: two would trade it twice and write bot.json in turn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from framework.files.atomic import locked
from framework.files.errors import HeldError
from framework.session.errors import SoakError
from framework.settings.compose import live_overrides


def bot_file_of(home: Path, environment: str) -> Path:
    """Return where the bot of an environment tells of itself."""
    return live_overrides(home, environment).parent.parent / "bot.json"


@contextmanager
def alone(*, home: Path, environment: str) -> Iterator[None]:
    """Be the one bot of an environment; raises SoakError while another process is.

    The right ends with its process, however that ends.
    """
    file = bot_file_of(home, environment)
    with ExitStack() as held:
        try:
            held.enter_context(locked(path=file, timeout_s=0.0))
        except HeldError as error:
            raise SoakError(
                f"{file}: {environment} has a bot already; allowed one at a time ({error})"
            ) from error
        yield
