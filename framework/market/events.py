"""The four kinds of market event the replay knows, and the signs of the two sides."""

DEPTH = 1
"""A price level of one side now holds this quantity; zero deletes it."""
TRADE = 2
"""A trade; the side is the aggressor's."""
CLEAR = 3
"""Every level of the side (0: both) is gone; a snapshot is a CLEAR followed by DEPTH rows."""
GAP = 4
"""The feed broke here: the book is not to be trusted until the next CLEAR."""

KIND_NAMES = {DEPTH: "depth", TRADE: "trade", CLEAR: "clear", GAP: "gap"}

BUY = 1
SELL = -1
