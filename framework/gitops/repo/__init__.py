"""The repository: git, the journal's branch, pull requests."""
