"""A proposal: a branch and its evidence from what a soak tuned or a sweep found."""
