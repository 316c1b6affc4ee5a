"""The tables of docs/conf.md are the models': `python -m tests.settings.test_docs` writes them anew."""

from framework.settings.describe import field_at, keys_of, models_of, values_allowed
from framework.settings.fields import safer
from framework.settings.schema.base import meta_of
from framework.settings.schema.run import RunSettings
from tests.settings.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "conf.md"
MARK = "<!-- tables: written by tests/settings/test_docs.py -->\n"


def tables() -> str:
    """Return one Markdown table a group; kpi and tuning have pages of their own."""
    groups: dict[str, list[str]] = {}
    for path in keys_of(RunSettings):
        field = field_at(RunSettings, path)
        assert field is not None
        meta = meta_of(field)
        kinds = [model.model_fields for model in models_of(RunSettings.model_fields[path[0]].annotation)]
        same = [fields[path[1]] for fields in kinds if len(path) == 2 and path[1] in fields] or [field]
        said = {values_allowed(one.annotation, one.metadata) for one in same}
        values = sorted(text for text in said if not any(other.startswith(f"{text} or") for other in said))
        allowed = f"{', '.join(values)} {meta.get('unit', '')}".rstrip()
        cells = [f"`{'.'.join(path[1:])}`", allowed.replace("|", "\\|"), field.description or ""]
        if meta:
            word = safer(path)
            safe = {"up": "higher", "down": "lower", "none": ""}.get(word, word.removeprefix("to "))
            groups.setdefault(path[0], []).append(" | ".join([*cells, meta["reload"], safe]))
    head = "| key | allowed | meaning | takes effect | safer |\n|---|---|---|---|---|\n"
    parts = (
        f"## {group}\n{head}" + "".join(f"| {row} |\n" for row in rows)
        for group, rows in groups.items()
        if group not in ("kpi", "tuning")
    )
    return "\n".join(parts)


def test_the_tables_are_those_of_the_models() -> None:
    _, mark, written = PAGE.read_text(encoding="utf-8").partition(MARK)
    assert mark
    assert written == tables(), "docs/conf.md is stale: run `python -m tests.settings.test_docs`"


if __name__ == "__main__":
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(before + MARK + tables(), encoding="utf-8", newline="\n")
