"""Holds: a local stop that wins over git, a journalled file with its reason."""
