"""The tuner: measurements of one iteration in, a decision with its reasons out."""
