"""Where an effective value came from."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

Path = tuple[str, ...]


class Layer(StrEnum):
    """The layers of a configuration, weakest first."""

    DEFAULT = "default"
    GROUP = "group file"
    PROFILE = "profile"
    OVERRIDES = "override file"
    PRIMARY = "primary conf"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"


@dataclass(frozen=True)
class Source:
    """A layer, the place in it (file:line, variable, word), the key as written there, who chose the file."""

    layer: Layer
    where: str = ""
    key: str = ""
    chosen_by: str = ""

    def __str__(self) -> str:
        chosen = f" (chosen by {self.chosen_by})" if self.chosen_by else ""
        return f"{self.layer} {self.where}".rstrip() + chosen

    @property
    def accused(self) -> str:
        """Name the value the way an error starts: the place, a colon, the key as written there."""
        place = str(self.layer) if self.layer in (Layer.ENVIRONMENT, Layer.COMMAND_LINE) else self.where
        return ": ".join(part for part in (place, self.key) if part)


Locate = Callable[[Path], Source]
"""From the path of a value to where it was written."""
