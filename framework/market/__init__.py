"""Instruments, event records, books, tapes, importers and the synthetic market."""
