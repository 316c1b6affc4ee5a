"""The reference tape keeps what its description promises."""

import numpy as np
import pytest

from benchmarks.hft_rows import BUY, EXCH, LOCAL, SELL, hft_rows
from benchmarks.reference_tape import as_tape, columns, describe, digest
from framework.market.events import GAP


def test_a_reference_tape_has_the_counts_asked_for_and_never_crosses() -> None:
    cols = columns(seed=3, depth_rows=12_000, trade_rows=8_000)
    found = describe(cols=cols)
    assert (found["depth"], found["trades"]) == (12_000, 8_000)
    assert found["crossed"] == 0
    assert 1.05 < found["mean_spread_ticks"] < 1.2
    assert found["hours"] == pytest.approx(0.06, rel=1e-6)
    assert len(as_tape(cols=cols)) == 12_000 + 8_000 + 50 + 1


def test_the_same_seed_gives_the_same_tape_and_another_seed_another() -> None:
    once, again, other = (columns(seed=seed, depth_rows=3_000, trade_rows=2_000) for seed in (5, 5, 6))
    assert digest(cols=once) == digest(cols=again)
    assert digest(cols=once) != digest(cols=other)


def test_rows_for_the_oracle_carry_both_clocks_and_the_sides() -> None:
    cols = columns(seed=3, depth_rows=3_000, trade_rows=2_000)
    rows = hft_rows(cols=cols, tick=0.1, lot=0.001, feed_latency_ns=7)
    assert rows.dtype.itemsize == 64
    assert (rows["local_ts"] - rows["exch_ts"] == 7).all()
    assert ((rows["ev"] & (EXCH | LOCAL)) == (EXCH | LOCAL)).all()
    assert ((rows["ev"] & BUY != 0) == (cols["side"] > 0)).all()
    assert ((rows["ev"] & SELL != 0) == (cols["side"] < 0)).all()
    assert (np.rint(rows["px"] / 0.1) == cols["price_ticks"]).all()
    assert (np.rint(rows["qty"] / 0.001) == cols["qty_lots"]).all()


def test_a_gap_has_no_row_for_the_oracle() -> None:
    cols = columns(seed=3, depth_rows=3_000, trade_rows=2_000)
    cols["kind"][10] = GAP
    with pytest.raises(ValueError, match="GAP"):
        hft_rows(cols=cols, tick=0.1, lot=0.001, feed_latency_ns=7)
