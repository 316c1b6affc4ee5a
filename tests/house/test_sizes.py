"""Modules and argument lists stay of a size that one can hold in mind."""

import ast
from collections.abc import Iterator

from tests.house.tree import ROOT

MOST_LINES = 400
MOST_ARGUMENTS = 8
MANY_ARGUMENTS = 6
SHARE_OF_MANY = 0.02

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[tuple[str, str]]:
    for folder in ("framework", "hydra_plugins"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def functions(text: str) -> Iterator[Function]:
    return (node for node in ast.walk(ast.parse(text)) if isinstance(node, Function))


def arguments(function: Function) -> int:
    """Count what a caller must know of: every argument but self and cls, *args and **kwargs as one each."""
    args = function.args
    named = [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    first = 1 if named[:1] in (["self"], ["cls"]) else 0
    return len(named) - first + (args.vararg is not None) + (args.kwarg is not None)


def test_no_module_is_longer_than_400_lines() -> None:
    long = {name: lines for name, text in modules() if (lines := text.count("\n")) > MOST_LINES}
    assert not long


def test_no_function_takes_more_than_eight_arguments() -> None:
    wide = [
        f"{name}:{function.lineno} {function.name}({arguments(function)})"
        for name, text in modules()
        for function in functions(text)
        if arguments(function) > MOST_ARGUMENTS
    ]
    assert not wide


def test_few_functions_take_more_than_six() -> None:
    counts = [arguments(function) for _, text in modules() for function in functions(text)]
    many = sum(count > MANY_ARGUMENTS for count in counts)
    assert many <= SHARE_OF_MANY * len(counts), f"{many} of {len(counts)}"


def test_arguments_are_counted_as_a_caller_sees_them() -> None:
    method = next(functions("class A:\n    def f(self, a, /, b, *c, d=1, **e): ..."))
    assert arguments(method) == 5
