"""The desired state: revisions of the repository, environments, policy, history."""
