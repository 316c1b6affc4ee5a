"""What runs inside the oracle's own environment."""
