"""Readers of recorded markets: one module a format, one table of formats, one way to assemble a tape."""
