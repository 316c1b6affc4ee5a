"""report.html: the soak on one self-contained page, the same bytes for the same run."""
