"""What every test shares: hypothesis draws the same examples in every run and never judges by the clock."""

from hypothesis import settings

settings.register_profile("house", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("house")
