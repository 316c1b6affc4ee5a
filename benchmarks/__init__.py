"""Benchmarks and the parity check against hftbacktest; nothing here is part of the product."""
