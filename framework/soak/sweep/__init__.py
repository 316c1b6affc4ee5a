"""A sweep: many soaks, ranked."""
