"""The soak run: iterate, report, judge, tune."""
