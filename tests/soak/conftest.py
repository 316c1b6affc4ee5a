"""What the soak's tests share."""

import os
from collections.abc import Iterator

import pytest

from tests.command import environment


@pytest.fixture(scope="module")
def quiet_environment() -> Iterator[None]:
    """Take out of this process's environment what would change a run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name not in environment()]:
            patch.delenv(name)
        yield
