"""Play order scripts through our exchange and through hftbacktest, and compare the fills one by one.

hftbacktest is used in its no-partial-fill mode, with constant latency and either queue model; our exchange in
the plain convention (``partial_fills = 0``, ``shared_queue = 0``). A script has submits of every order kind,
cancels, and reductions of quantity at an unchanged price. An amend to another price is left out: the oracle
re-queues such an order at its old price.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import reference_tape
from benchmarks.oracle_env import HERE, MISSING, oracle_python
from framework.compiled.records import at, zeros
from framework.engine.replay import Latency, Replay
from framework.market.events import GAP, TRADE
from framework.market.records import AMEND, CANCEL, IOC, LIMIT, MARKET, NEW, POST_ONLY
from framework.market.tape import Tape
from framework.quoting.records import Params
from framework.units import MS
from framework.venue.matching.records import PROB_POWER, RISK_AVERSE, VenueRules

QUEUES = {"risk_averse": RISK_AVERSE, "prob_power": PROB_POWER}
FILL_COLUMNS = ("exch_ts_ns", "order_id", "side", "price_ticks", "qty_lots", "is_maker")
TAPE_COLUMNS = ("exch_ts_ns", "kind", "side", "price_ticks", "qty_lots")
SCRIPT_COLUMNS = ("sent_ns", "action", "order_id", "order_side", "order_kind", "order_ticks", "order_lots")
KINDS = (POST_ONLY, LIMIT, IOC, MARKET)
KIND_SHARES = (0.62, 0.25, 0.09, 0.04)
STYLES = {"wide": (15.0, 4), "touch": (0.5, 1)}
"""Mean life of an order in seconds and how far from the last trade it may lie, in ticks."""

MEAN_LIVE_ORDERS = 16
"""A script is thinned so that its resting orders stay well below what the exchange holds."""

Script = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How both exchanges behave: one-way delays in ns and the queue model."""

    feed_ns: int = 10 * MS
    entry_ns: int = 10 * MS
    response_ns: int = 10 * MS
    queue: str = "prob_power"
    queue_power: int = 3


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One engine's fills, rows of FILL_COLUMNS by time and order, and how many orders it refused."""

    fills: NDArray[np.int64]
    refused: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """One comparison: a tape, a script of requests, and how both exchanges behave."""

    name: str
    tape: Tape
    script: Script
    setting: Setting


def random_script(*, tape: Tape, seed: int, orders: int, setting: Setting, style: str) -> Script:
    """Write a random script around the traded price: submits, reductions and one cancel for every order.

    A third of the requests arrive exactly when a market event happens. Requests for one order are
    further apart than a round trip, because the oracle refuses a request while another is under way.
    """
    mean_life_s, reach_ticks = STYLES[style]
    rng = np.random.default_rng(seed)
    trades = np.flatnonzero(tape.kind == TRADE)
    first, last = int(tape.exch_ts_ns[trades[0]]), int(tape.exch_ts_ns[-1]) - 2_000 * MS
    orders = min(orders, int((last - first) / 1e9 / mean_life_s * MEAN_LIVE_ORDERS))
    round_trip = setting.entry_ns + setting.response_ns + MS
    rows: list[tuple[int, ...]] = []
    for order_id in range(1, orders + 1):
        sent = _instant(rng, tape, rng.integers(first, last), setting.entry_ns)
        at = int(np.searchsorted(tape.exch_ts_ns[trades], sent)) - 1
        price = int(tape.price_ticks[trades[max(at, 0)]]) + int(rng.integers(-reach_ticks, reach_ticks + 1))
        side = 1 if rng.random() < 0.5 else -1
        kind = int(rng.choice(KINDS, p=KIND_SHARES))
        lots = int(rng.integers(1, 60))
        rows.append((sent, NEW, order_id, side, kind, max(price, 1), lots))
        end = sent + round_trip + int(rng.exponential(mean_life_s * 1e9))
        if lots > 1 and rng.random() < 0.25:
            amended = sent + round_trip + int(rng.random() * (end - sent - round_trip))
            rows.append((amended, AMEND, order_id, side, kind, max(price, 1), int(rng.integers(1, lots))))
            end = max(end, amended + round_trip)
        rows.append(
            (max(_instant(rng, tape, end, setting.entry_ns), end), CANCEL, order_id, side, kind, 1, 0)
        )
    kept = sorted(row for row in rows if row[0] < last)
    columns = np.array(kept, dtype=np.int64).T
    return dict(zip(SCRIPT_COLUMNS, (np.ascontiguousarray(column) for column in columns), strict=True))


def _instant(rng: np.random.Generator, tape: Tape, sent: Any, entry_ns: int) -> int:
    """Return ``sent``, in one case of three moved so that the request arrives with a later market event."""
    if rng.random() < 1 / 3:
        row = min(int(np.searchsorted(tape.exch_ts_ns, int(sent) + entry_ns)), len(tape) - 1)
        return int(tape.exch_ts_ns[row]) - entry_ns
    return int(sent)


def play_ours(*, case: Case) -> Outcome:
    """Play a script through the engine's own loop; its plan of stages is empty, so nobody else quotes."""
    tape, script, setting = case.tape, case.script, case.setting
    params, venue = zeros(Params, 1), zeros(VenueRules, 1)
    p, v = at(params, 0), at(venue, 0)
    p.tick, p.lot, p.tick_interval_ns = tape.instrument.tick, tape.instrument.lot, 1 << 60
    v.tick, v.lot = tape.instrument.tick, tape.instrument.lot
    v.queue_model, v.queue_power = QUEUES[setting.queue], setting.queue_power
    latency = Latency(
        feed_ns=np.full(1, setting.feed_ns),
        entry_ns=np.full(1, setting.entry_ns),
        response_ns=np.full(1, setting.response_ns),
    )
    replay = Replay(tape=tape, params=params, venue=venue, latency=latency, sample_ns=1_000 * MS)
    rows = zip(*(script[name].tolist() for name in SCRIPT_COLUMNS), strict=True)
    for sent, action, order_id, side, kind, ticks, lots in rows:
        replay.advance(sent)
        replay.wire.submit(
            arrive_ns=sent + setting.entry_ns,
            sent_ns=sent,
            action=action,
            order_id=order_id,
            side=side,
            order_kind=kind,
            price_ticks=ticks,
            qty_lots=lots,
            quote_ts_ns=sent,
            m0=replay.mid(),
        )
    replay.advance(int(tape.exch_ts_ns[-1]) + 10_000 * MS)
    rows_out = replay.fill_rows()
    fills = np.stack([rows_out[name].astype(np.int64) for name in FILL_COLUMNS], axis=1)
    return Outcome(fills=_sorted(fills), refused=int(at(replay.exchange, 0).rejects))


def play_oracle(*, cases: Sequence[Case]) -> list[Outcome]:
    """Play cases through hftbacktest in one process; raises FileNotFoundError without its environment."""
    python = oracle_python()
    if python is None:
        raise FileNotFoundError(MISSING)
    with tempfile.TemporaryDirectory() as folder:
        files = [(Path(folder) / f"in{k}.npz", Path(folder) / f"out{k}.npz") for k in range(len(cases))]
        for case, (given, _) in zip(cases, files, strict=True):
            np.savez(given, allow_pickle=False, **_as_arrays(case))
        names = [str(path) for pair in files for path in pair]
        subprocess.run(
            [str(python), "-m", "benchmarks.oracle.play_script", *names], check=True, cwd=HERE.parent
        )
        return [_outcome(found) for _, found in files]


def _as_arrays(case: Case) -> dict[str, Any]:
    """Return what the oracle's process reads: tape, script and scalars under its names."""
    instrument, setting = case.tape.instrument, case.setting
    scalars = {
        "tick": instrument.tick,
        "lot": instrument.lot,
        "feed_ns": setting.feed_ns,
        "entry_ns": setting.entry_ns,
        "response_ns": setting.response_ns,
        "queue_model": QUEUES[setting.queue],
        "queue_power": setting.queue_power,
    }
    columns = {name: getattr(case.tape, name) for name in TAPE_COLUMNS}
    return {**columns, **case.script, **{name: np.asarray(value) for name, value in scalars.items()}}


def _outcome(path: Path) -> Outcome:
    with np.load(path) as stored:
        return Outcome(fills=_sorted(stored["fills"]), refused=int(stored["counts"][1]))


def _sorted(fills: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sort by time, then order: of several own orders filled by one event the oracle's order is a hash's."""
    return fills[np.lexsort((fills[:, 1], fills[:, 0]))]


def first_difference(*, ours: Outcome, oracle: Outcome) -> str | None:
    """Say where two outcomes part, or None when they are identical."""
    for k in range(max(len(ours.fills), len(oracle.fills))):
        left = ours.fills[k].tolist() if k < len(ours.fills) else None
        right = oracle.fills[k].tolist() if k < len(oracle.fills) else None
        if left != right:
            return (
                f"fill {k} of {len(ours.fills)} / {len(oracle.fills)}: ours {left}, oracle {right}; "
                f"columns {FILL_COLUMNS}"
            )
    if ours.refused != oracle.refused:
        return f"ours refused {ours.refused} orders, the oracle {oracle.refused}"
    return None


def whole(*, tape: Tape) -> Tape:
    """Return the longest stretch of the tape without a GAP row, from its first CLEAR on."""
    gaps = np.flatnonzero(tape.kind == GAP)
    if len(gaps) == 0:
        return tape
    edges = np.concatenate([[tape.start_ns], tape.exch_ts_ns[gaps] + 1, [tape.end_ns + 1]])
    longest = int(np.argmax(np.diff(edges)))
    return tape.window(start_ns=int(edges[longest]), end_ns=int(edges[longest + 1] - 1))


def cases(*, tapes: Mapping[str, Tape], seeds: int, orders: int) -> list[Case]:
    """Return a random script for every tape, queue model, style and seed."""
    made = []
    for (name, tape), queue, style, seed in product(tapes.items(), QUEUES, STYLES, range(seeds)):
        setting = Setting(queue=queue)
        script = random_script(tape=tape, seed=seed, orders=orders, setting=setting, style=style)
        label = f"{name} {queue} {style} seed {seed}"
        made.append(Case(name=label, tape=tape, script=script, setting=setting))
    return made


def main() -> int:
    """Compare on the reference tape and on archives named on the command line; 1 when a fill differs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--tape", action="append", default=[], help="a folder of the parquet archive")
    parser.add_argument("--orders", type=int, default=8_000)
    parser.add_argument("--seeds", type=int, default=2)
    args = parser.parse_args()
    tapes = {"reference": reference_tape.as_tape(cols=reference_tape.cached(folder=HERE / ".cache"))}
    for path in args.tape:
        from framework.market.store import open_tape

        tapes[path] = whole(tape=open_tape(path))
    todo = cases(tapes=tapes, seeds=args.seeds, orders=args.orders)
    failed = 0
    for case, oracle in zip(todo, play_oracle(cases=todo), strict=True):
        ours = play_ours(case=case)
        difference = first_difference(ours=ours, oracle=oracle)
        failed += difference is not None
        makers = int(ours.fills[:, 5].sum())
        told = difference or "identical"
        print(f"{case.name}: {len(ours.fills)} fills ({makers} maker), {ours.refused} refused: {told}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
