"""Files: atomic writes, bounded reads, the one cache folder, and did-you-mean."""
