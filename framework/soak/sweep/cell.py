"""One cell of a sweep: a soak played for what ranking needs of it, in any process, without a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from framework.compiled.jit import source_digest
from framework.edge.section import EdgeReport
from framework.files.atomic import canonical_json, sha256_of
from framework.gates.gate import Gate
from framework.gates.profiles import Profiles
from framework.market.tapes.open import TapeCache
from framework.market.tapes.share import SharedTapes, TapeHandle, share_tape
from framework.market.tapes.sources import TapeSource
from framework.session.errors import SoakError
from framework.session.iterations import Outside
from framework.session.judge import Judge, choose_profiles
from framework.session.play import play, weigh
from framework.session.portfolio import make_replay
from framework.session.provenance import Runtime, runtime_of
from framework.session.ticks import tick_bps_of
from framework.session.tuners import make_tuner
from framework.session.window import open_window
from framework.settings.compose import Composed
from framework.settings.schema.run import RunSettings
from framework.soak.versus import Blocks, blocks_of, cut_for


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Everything a worker needs of a cell: no file of conf/ and no variable of the environment is left to
    read.
    """

    settings: RunSettings
    profiles: Profiles

    def digest(self) -> str:
        """Digest all of it: two cells of one digest give the same results."""
        profiles = [asdict(profile) for profile in (self.profiles.deciding, *self.profiles.shown)]
        return sha256_of(canonical_json([self.settings.model_dump(mode="json"), profiles]))


@dataclass(frozen=True, kw_only=True)
class CellResult:
    """What a cell came to, also block by block of ``block_s``; ``tapes`` by symbol, ``replay_s`` its time."""

    verdict: str
    report: EdgeReport
    gate: Gate
    runtime: Runtime
    tapes: Mapping[str, str]
    tick_bps: float
    replay_s: float
    blocks: Blocks
    block_s: int


def cell_of(composed: Composed) -> Cell:
    """Make a cell of a composed run; raises SoakError for what only a run of its own can do."""
    settings = composed.settings
    soak = settings.soak
    for name, text in (
        ("clock", soak.clock == "wall"),
        ("patches_file", soak.patches_file is not None),
        ("profile_switch", soak.profile_switch == "act"),
    ):
        if text:
            raise SoakError(
                f"soak.{name}: is {getattr(soak, name)} in a sweep; allowed with quoteops soak without -m"
            )
    return Cell(settings=settings, profiles=choose_profiles(kpi=settings.kpi, root=composed.root))


@cache
def code_digest() -> str:
    """Digest the sources that decide a cell's results."""
    return source_digest(Path(__file__))


@dataclass(frozen=True)
class PlayCell:
    """The job of a sweep: its tapes, which go to each worker once, and the digest of the code behind it."""

    tapes: Mapping[TapeSource, TapeHandle]
    code: str

    def __call__(self, cell: Cell) -> CellResult:
        """Play a cell; raises what a soak raises, and SoakError on a machine with other sources."""
        if code_digest() != self.code:
            raise SoakError("this worker runs another version of quoteops; install the same on every node")
        return play_cell(cell=cell, tapes=self.tapes)


def warm_up(source: TapeSource | None) -> TapeHandle | None:
    """Load what a cell needs into a worker of this machine; open or make a tape, if given."""
    import framework.engine.loop as loop

    loop.advance.load()
    return None if source is None else share_tape(source, cache=TapeCache(), travels=False)


def play_cell(*, cell: Cell, tapes: Mapping[TapeSource, TapeHandle]) -> CellResult:
    """Play every iteration, tune between them as the settings say, judge the whole."""
    settings = cell.settings
    market = open_window(settings=settings, tapes=SharedTapes(tapes))
    runtime = runtime_of(settings, market)
    judge = Judge(profiles=cell.profiles, runtime=runtime, wall_clock=False)
    replay = make_replay(settings=settings, market=market, outside=Outside(guard=True))
    tuner = make_tuner(settings=settings, judge=judge)
    for _ in play(replay, None if tuner is None else judge, tuner):  # untuned, nobody asks how one went
        pass
    wholes, report, gate = weigh(replay, judge)
    return CellResult(
        verdict=gate.verdict.value,
        report=report,
        gate=gate,
        runtime=runtime,
        tapes={tape.instrument.symbol: tape.meta.digest for tape in market.tapes},
        tick_bps=tick_bps_of(wholes),
        replay_s=replay.seconds,
        blocks=blocks_of(wholes),
        block_s=cut_for(wholes).block_s,
    )
