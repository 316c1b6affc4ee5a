"""Drivers that run tape, tick, matching and ledger as one loop."""
