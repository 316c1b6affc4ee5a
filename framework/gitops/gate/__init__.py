"""The gate: evidence for a change, judged; promotion."""
