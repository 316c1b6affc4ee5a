"""The agent: what keeps an environment as its branch says, and how people speak with it."""
