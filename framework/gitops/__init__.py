"""Policy, classified changes, evidence and reconciliation: git decides what runs."""
