"""An append-only, hash-chained record of what was decided and done."""
