"""``quoteops tape``: import recordings, describe and check tapes, synthesise a market."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.cli.words import Parser
from framework.market.importers.formats import TOLD, help_lines

DEFAULT_ROOT = "artifacts/tapes"


def run(argv: Sequence[str]) -> int:
    """Run one of import, info, gaps, synth; return 0, or 1 when ``gaps`` found any."""
    words = parser().parse_args(list(argv))
    code: int = words.act(words)
    return code


def parser() -> argparse.ArgumentParser:
    """Return the grammar of the four verbs."""
    root = Parser(
        prog="quoteops tape", description="Import recordings, describe and check tapes, simulate a market."
    )
    verbs = root.add_subparsers(title="verbs", required=True, metavar="VERB")
    _import_words(
        verbs.add_parser(
            "import",
            help="read recordings that belong together into one tape",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog="\n".join(["formats:", *help_lines()]),
        )
    )
    for name, act, text in (
        ("info", _info, "span, events, instrument, faults, book and trade statistics"),
        ("gaps", _gaps, "breaks of the feed and silences; exit code 1 when there are any"),
    ):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("path", help="an archive: artifacts/tapes/NAME or an object store's URL")
        verb.add_argument("--symbol", help="which one, where the archive holds several")
        _window_words(verb)
        verb.set_defaults(act=act)
    verbs.choices["gaps"].add_argument(
        "--silence",
        type=float,
        metavar="S",
        help="also fail on silences, of feed, book or trades, longer than S seconds (listed from 300)",
    )
    _synth_words(verbs.add_parser("synth", help="simulate a market and keep it as a tape"))
    for verb in verbs.choices.values():
        verb.add_argument("--json", action="store_true", help="print one JSON value")
    return root


def _import_words(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("files", nargs="+", type=Path, metavar="FILE", help="recordings in the order of time")
    _replace_word(verb)
    verb.add_argument("--format", default="auto", help=f"auto, {', '.join(TOLD)}")
    verb.add_argument(
        "--out", metavar="ROOT", help="archive to write (default artifacts/tapes/<venue>_<symbol>_<date>)"
    )
    verb.add_argument("--symbol", help="which one, where the recording holds several")
    verb.add_argument("--venue", help="name of the exchange (default: the recording's)")
    verb.add_argument("--kind", help="linear or spot; inverse contracts are refused")
    verb.add_argument("--tick", dest="tick_size", help="price step (default: inferred and reported)")
    verb.add_argument("--lot", dest="lot_size", help="quantity step (default: inferred and reported)")
    verb.add_argument(
        "--multiplier", metavar="COINS", help="coins of one contract, where quantities count contracts"
    )
    verb.add_argument("--min-notional", help="least order value in quote currency (default: 5, assumed)")
    _window_words(verb)
    verb.set_defaults(act=_import)


def _synth_words(verb: argparse.ArgumentParser) -> None:
    _replace_word(verb)
    verb.add_argument("--preset", default="liquid_perp", help="liquid_perp or thin_spot")
    verb.add_argument("--regime", default="normal", help="normal, event or high_vol")
    verb.add_argument("--hours", type=float, default=3.0)
    verb.add_argument("--seed", type=int, default=1)
    verb.add_argument("--out", metavar="ROOT", help="archive to write (default artifacts/tapes/synth_…)")
    verb.set_defaults(act=_synth)


def _replace_word(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--replace", action="store_true", help="put it in the place of another tape of the same symbol"
    )


def _window_words(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--start", help="UTC, such as 2024-07-24T03:00:00Z; inclusive")
    verb.add_argument("--end", help="UTC; exclusive")


def _import(words: argparse.Namespace) -> int:
    from framework.files.moments import utc_words
    from framework.market.importers.assemble import InstrumentFlags
    from framework.market.importers.table import import_tape
    from framework.market.store import folder_name
    from framework.market.tape import parse_utc

    flags = {name: getattr(words, name) for name in InstrumentFlags.__dataclass_fields__}
    tape = import_tape(paths=words.files, format=words.format, flags=InstrumentFlags(**flags))
    if words.start or words.end:
        tape = tape.window(start_ns=parse_utc(value=words.start), end_ns=parse_utc(value=words.end))
    day = utc_words(int(tape.exch_ts_ns[0]), form="%Y%m%d")
    symbol = folder_name(symbol=tape.instrument.symbol.lower())
    name = "_".join(part for part in (tape.instrument.venue, symbol, day) if part)
    given = {name: value for name, value in flags.items() if value is not None}
    given |= {key: value for key in ("start", "end") if (value := getattr(words, key))}
    return _keep(tape=tape, out=words.out or f"{DEFAULT_ROOT}/{name}", given=given, words=words)


def _synth(words: argparse.Namespace) -> int:
    from framework.market.made import Made
    from framework.market.synthetic import generate

    given = {name: getattr(words, name) for name in ("preset", "regime", "hours", "seed")}
    tape = generate(Made(**given))
    name = f"synth_{words.preset}_{words.regime}_{words.hours:g}h_{words.seed}"
    return _keep(tape=tape, out=words.out or f"{DEFAULT_ROOT}/{name}", given=given, words=words)


def _keep(*, tape: Any, out: str, given: dict[str, Any], words: argparse.Namespace) -> int:
    """Write the tape, then say where it is and what was wrong with it; raises TapeError over another one."""
    from framework.files.moments import iso_utc_ns
    from framework.market.errors import TapeError
    from framework.market.store import held_digest, write_tape

    held = held_digest(root=out, symbol=tape.instrument.symbol)
    replaced = held is not None
    if replaced and held != tape.meta.digest and not words.replace:
        raise TapeError(
            f"{out}: holds another tape of {tape.instrument.symbol}; allowed another --out, or --replace "
            "to put this one in its place"
        )
    write_tape(tape=tape, root=out, arguments=given)
    told = {
        "path": out,
        "symbol": tape.instrument.symbol,
        "start": iso_utc_ns(tape.start_ns),
        "end": iso_utc_ns(tape.end_ns),
        "rows": len(tape),
        "digest": tape.meta.digest,
        "instrument": tape.instrument.as_dict(),
        "faults": dict(tape.meta.faults),
        "measures": dict(tape.meta.measures),
    }
    if words.json:
        print(json.dumps(told, sort_keys=True))
        return 0
    print(f"{out}: {told['symbol']} {told['start']} to {told['end']}, {len(tape):,} events")
    if replaced:
        print(f"replaced the tape of {tape.instrument.symbol} that was there")
    inferred = [
        what
        for what, name in (("tick", "price_step_inferred"), ("lot", "quantity_step_inferred"))
        if tape.meta.measures.get(name)
    ]
    note = f" ({' and '.join(inferred)} inferred from the data)" if inferred else ""
    print(f"tick {tape.instrument.tick_size}, lot {tape.instrument.lot_size}{note}")
    print(f"faults: {_counts(told['faults']) or 'none'}")
    for line in _notes(tape):
        print(line)
    return 0


def _notes(tape: Any) -> list[str]:
    from framework.market.events import DEPTH
    from framework.market.importers.notes import notes

    return notes(measures=tape.meta.measures, has_book=bool((tape.kind == DEPTH).any()))


def _info(words: argparse.Namespace) -> int:
    from framework.market.describe import describe
    from framework.market.store import open_tape

    told = describe(tape=open_tape(words.path, words.symbol, words.start, words.end))
    if words.json:
        print(json.dumps(told, sort_keys=True))
        return 0
    instrument = told["instrument"]
    print(f"{instrument['symbol']} {instrument['venue']} {instrument['kind']}, from {told['source']}")
    print(f"span        {told['start']} to {told['end']}, {told['hours']:.2f} h")
    print(f"events      {_counts(told['events'])}; funding times {told['funding_times']}")
    print(f"instrument  tick {instrument['tick_size']}, lot {instrument['lot_size']}")
    print(f"faults      {_counts(told['faults']) or 'none'}")
    print(f"gaps        {told['gaps']}, book untrusted for {told['untrusted_s']:.1f} s")
    print(f"measures    {_counts(told['measures']) or 'none'}")
    if told["no_statistics"]:
        print(f"statistics  none: {told['no_statistics']}")
    if told["far_rows"]:
        print(f"statistics  {told['far_rows']:,} levels and trades too far from the touch are left out")
    for name, value in told["statistics"].items():
        print(f"  {name:<22}{_statistic(value):>14}")
    print(f"digest      {told['digest']}")
    return 0


def _gaps(words: argparse.Namespace) -> int:
    from framework.files.moments import iso_utc_ns
    from framework.market.gaps import BOOK, DEFAULT_SILENCE_S, SEQUENCE, find_gaps
    from framework.market.store import open_tape

    tape = open_tape(words.path, words.symbol, words.start, words.end)
    gaps = find_gaps(tape=tape, silence_s=DEFAULT_SILENCE_S if words.silence is None else words.silence)
    rows = [
        {
            "kind": gap.kind,
            "start": iso_utc_ns(gap.start_ns),
            "end": iso_utc_ns(gap.end_ns),
            "seconds": gap.length_s,
        }
        for gap in gaps
    ]
    if words.json:
        print(json.dumps(rows, sort_keys=True))
    else:
        for row in rows:
            print(f"{row['kind']:<9}{row['start']} to {row['end']}  {row['seconds']:.3f} s")
        noun = "gap" if len(rows) == 1 else "gaps"
        print(f"{len(rows)} {noun} in {iso_utc_ns(tape.start_ns)} to {iso_utc_ns(tape.end_ns)}")
    return int(any(gap.kind in (SEQUENCE, BOOK) or words.silence is not None for gap in gaps))


def _statistic(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _counts(values: dict[str, int]) -> str:
    """Return ``name 3, other 4`` of the values that are not zero."""
    return ", ".join(f"{name} {value:,}" for name, value in values.items() if value)
