"""Configuration as one strict, frozen value with the source of every field."""
