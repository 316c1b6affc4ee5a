"""Routing between baseline and candidate."""
