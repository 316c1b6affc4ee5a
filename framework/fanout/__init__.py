"""Many independent calls spread over processes or machines, and their outcomes in order."""
