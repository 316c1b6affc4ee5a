"""Tapes: opened, made, kept on disk, and shared with other processes."""
