"""Import contracts that import-linter does not have: an allow list for pure modules, doors for vendors.

Both are allow lists, because a deny list is silent about the library nobody thought of. They are configured
in ``pyproject.toml`` under ``[tool.importlinter]`` and run by ``lint-imports``.
"""

import sys
from collections.abc import Iterable

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

ANYWHERE = "*"


class PureContract(Contract):
    """Pure modules import each other and what ``allowed`` names, the standard library included."""

    type_name = "pure"

    pure_modules = fields.ListField(subfield=fields.StringField())
    allowed = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        pure, allowed = _names(self.pure_modules), _names(self.allowed)
        missing = [name for name in pure if name not in graph.modules]
        wrong = [f"{name} is declared pure and does not exist; mend the list" for name in missing]
        for importer in sorted(graph.modules):
            if not _within(importer, pure):
                continue
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                if not _within(imported, [*pure, *allowed]):
                    wrong.append(f"{_where(graph, importer, imported)}; allowed {', '.join(allowed)}")
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)


class DoorsContract(Contract):
    """Every library but the standard one stands in a table with the modules that may import it, or ``*``."""

    type_name = "doors"

    doors = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        doors = dict(_parse_door(row) for row in _names(self.doors))
        roots = {name.partition(".")[0] for name in graph.modules if not graph.is_module_squashed(name)}
        wrong = []
        for vendor in sorted(graph.modules):
            if vendor in roots or "." in vendor or vendor in sys.stdlib_module_names:
                continue
            for importer in sorted(graph.find_modules_that_directly_import(vendor)):
                if vendor not in doors:
                    wrong.append(f"{_where(graph, importer, vendor)}; the table of doors does not name it")
                elif doors[vendor] != [ANYWHERE] and not _within(importer, doors[vendor]):
                    wrong.append(f"{_where(graph, importer, vendor)}; allowed {', '.join(doors[vendor])}")
        return ContractCheck(kept=not wrong, metadata={"wrong": wrong})

    def render_broken_contract(self, check: ContractCheck) -> None:
        _render(check)


def _names(field: object) -> list[str]:
    # import-linter puts the parsed value in place of the declared field, which its types do not say.
    assert isinstance(field, list)
    return [str(name) for name in field]


def _parse_door(row: str) -> tuple[str, list[str]]:
    vendor, arrow, importers = row.partition(" <- ")
    if not arrow or not importers.strip():
        raise ValueError(f"doors: {row!r} is not a row; allowed 'vendor <- module, module' or 'vendor <- *'")
    return vendor.strip(), [name.strip() for name in importers.split(",")]


def _within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _where(graph: ImportGraph, importer: str, imported: str) -> str:
    lines = ", ".join(
        str(line["line_number"]) for line in graph.get_import_details(importer=importer, imported=imported)
    )
    return f"{importer}:{lines} imports {imported}"


def _render(check: ContractCheck) -> None:
    for line in check.metadata["wrong"]:
        output.print_error(f"- {line}", bold=False)
    output.new_line()
