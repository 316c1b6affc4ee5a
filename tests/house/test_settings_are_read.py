"""No dead keys: each value that can be configured is read by something outside the settings themselves."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from pydantic import BaseModel

from framework.settings.schema.run import RunSettings
from tests.house.settings_reads import REPOSITORY, models_in, reads

TABLES = {"tuning": "framework/tuning", "kpi": "framework/gates"}
"""Groups handed on as a table: their keys are read by name, as text, in these rooms."""
BY_RULES_OF_ITS_OWN = {
    ("exchange", "api_key_env"),  # without both names mode=real is refused when settings are made
    ("exchange", "api_secret_env"),
    ("rollout", "candidate_file"),  # composed into rollout.candidate, which is read
}


def whole(group: str) -> type[BaseModel]:
    """Give the model of a group."""
    model = RunSettings.model_fields[group].annotation
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model


def fields() -> dict[str, set[str]]:
    """Give every field by the name of its group, groups handed on as tables apart."""
    found: dict[str, set[str]] = defaultdict(set)
    inside = {model for group in TABLES for _, model in models_in(whole(group), group)}
    for name, model in models_in(RunSettings, ""):
        if model not in inside and name not in TABLES:
            found[name] |= set(model.model_fields)
    return found


def texts(room: str) -> set[str]:
    """Give every text constant and attribute of a room."""
    trees = [ast.parse(path.read_text()) for path in (REPOSITORY / Path(room)).rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    said = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return (
        said
        | {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        | {node.arg for node in nodes if isinstance(node, (ast.arg, ast.keyword)) and node.arg}
    )


def test_every_value_is_read_outside_the_settings() -> None:
    groups = fields()
    models: dict[str, set[str]] = defaultdict(set)
    for name, model in models_in(RunSettings, ""):
        models[name].add(model.__name__)
    read = reads(models)
    unread = {
        (group, name)
        for group, names in groups.items()
        for name in names
        if name not in models and (group, name) not in read
    }
    assert unread == BY_RULES_OF_ITS_OWN


def test_every_key_of_a_table_is_read_by_its_room() -> None:
    for group, room in TABLES.items():
        said = texts(room) | texts("framework/session")
        for name, model in ((group, whole(group)), *models_in(whole(group), group)):
            assert set(model.model_fields) <= said, (group, name, set(model.model_fields) - said)


def test_a_value_that_nothing_reads_is_found() -> None:
    assert ("sizing", "leverage") in reads({"sizing": {"Sizing"}})
    assert ("sizing", "nobody_reads_this") not in reads({"sizing": {"Sizing"}})
