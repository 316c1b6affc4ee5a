"""Fill in a template of a page; what Jinja compiled is kept in the cache folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from framework.files.cache import user_cache
from framework.soak.page.palette import COLOURS

HERE = Path(__file__).parent


def fill_template(path: Path, **words: Any) -> str:
    """Fill in the words, all of them escaped; a word that is missing is an error.

    Templates of any folder may use those of this one.
    """
    from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined

    kept = user_cache() / "templates"
    try:
        kept.mkdir(parents=True, exist_ok=True)
        compiled = FileSystemBytecodeCache(str(kept))
    except OSError:  # a home that cannot be written costs a hundredth of a second
        compiled = None
    environment = Environment(
        loader=FileSystemLoader((path.parent, HERE)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=compiled,
    )
    return environment.get_template(path.name).render(colours=COLOURS, **{"scripts": None, **words})
