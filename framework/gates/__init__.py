"""Verdicts as pure functions of plain measurements."""
