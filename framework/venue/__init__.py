"""Exchanges behind one port; the simulated one is compiled."""
