"""Which functions are compiled with the entry that calls them; the functions themselves stay plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

INNER: dict[Callable[..., Any], bool] = {}
"""Inner functions, and whether their code goes into their caller's."""


def core(function: F) -> F:
    """Compile an inner function with its caller, once: constants and small integers are passed as 64-bit.

    Called from Python it runs as Python.
    """
    INNER[function] = False
    return function


def hot(function: F) -> F:
    """Compile like ``core`` and into its caller, for what runs at every event: passing many words costs."""
    INNER[function] = True
    return function
