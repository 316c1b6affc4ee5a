"""The frozen shape of every configuration group: one module a group."""
