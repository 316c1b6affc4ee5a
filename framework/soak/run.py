"""The soak: replay the market in iterations, report, judge, tune; leave every artifact behind.

gather (market, rules, judge) → play → report → decide → write. The verdict of the run is the deciding KPI
profile's on the whole run; anything inconsistent ends it with an error and leaves the folder marked
incomplete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.edge.errors import LedgerError
from framework.edge.section import slippage_marker
from framework.engine.paced import Clock, MonotonicClock
from framework.engine.replay import EngineError
from framework.gates.verdict import Verdict
from framework.market.tapes.open import TapeCache
from framework.session.errors import SoakError
from framework.session.iterations import Outside
from framework.session.judge import Judge, make_judge
from framework.session.lines import BotLines
from framework.session.origin import origin_of
from framework.session.play import play, weigh
from framework.session.portfolio import Playable, make_replay
from framework.session.present import own_words
from framework.session.provenance import provenance_of, runtime_of
from framework.session.published import check_places
from framework.session.reload import LiveSettings
from framework.session.replay import SoakReplay
from framework.session.run_folder import RunFolder
from framework.session.schedule import make_live_settings
from framework.session.stop import Stop
from framework.session.switching import ProfileSwitch, make_switch
from framework.session.tuners import make_tuner, tuning_rules, why_untuned
from framework.session.window import ReplayWindow, open_window
from framework.settings.compose import Composed
from framework.soak.baselines import compare_arms
from framework.soak.record import headline_of
from framework.soak.reports import write_iteration, write_run, write_verdict
from framework.soak.resources import MemoryWatch, Stopwatch, Timing, time_stages
from framework.soak.result import SoakResult
from framework.soak.runs import write_index
from framework.soak.symbols import begin_symbols, take_symbols, weigh_symbols
from framework.soak.text import (
    closing_lines,
    iteration_line,
    notices,
    opening_line,
    present_lines,
    verdict_lines,
)
from framework.soak.versus import compare_with_present

if TYPE_CHECKING:
    from framework.session.status import Bot
    from framework.session.status_writer import FeedCounts

__all__ = ["Interrupted", "SoakResult", "run_soak"]

Log = Callable[[str], None]
Progress = Callable[[str, float], None]
"""Gets what is being done and the share of it that is done."""
INTERNAL = (LedgerError, EngineError)
"""The run contradicted itself: verdict ERROR, whatever it had earned."""


class Interrupted(SoakError):
    """A person or the system asked the run to stop."""


def run_soak(
    *,
    composed: Composed,
    log: Log = print,
    progress: Progress = lambda _doing, _share: None,
    tapes: TapeCache | None = None,
    home: Path | None = None,
    publish: bool = True,
    clock: Clock | None = None,
    stop: Stop | None = None,
) -> tuple[SoakResult, Path]:
    """Run one soak and write its artifacts; give what it found out and the folder it is in.

    ``log`` gets the lines for stdout. ``home`` is the repository (default: where the configuration lies),
    below whose artifacts/ the latest run is published. ``clock`` paces a soak on the wall clock, which a
    ``stop`` may end early: what it has traded is the run. Raises QuoteopsError subclasses for what cannot be
    run, Interrupted on Ctrl-C.
    """
    home = home or composed.root
    folder = RunFolder(composed.run_dir, artifacts=home / "artifacts")
    if publish:
        check_places(home / "artifacts")
    settings = composed.settings
    watch, stop = Stopwatch(), stop or Stop()
    log = lines = BotLines(log)
    own_name = not publish or any(w.startswith("hydra.run.dir=") for w in composed.ground.plan.hydra_words)
    folder.start({"config_sha": settings.config_sha, "seed": settings.soak.seed}, own_name=own_name)
    with _marked(folder, log, stop):
        progress("market", 0.0)
        market = open_window(settings=settings, tapes=tapes or TapeCache(log=log))
        watch.lap("market")
        run = _begun(composed, market, home, folder, log, progress)
        live = make_live_settings(composed=composed, market=market, log=log)
        driver: AbstractContextManager[Bot | None] = nullcontext()
        if settings.soak.clock == "wall":
            driver = _bots()(composed=composed, home=home, folder=folder, live=live, log=lines, stop=stop)
        with driver as bot:
            replay = _replay(run.result, live, clock, bot, stop)
            switch = make_switch(composed=composed, live=live)
            if bot is not None:
                stop.arm()
            memory = run.play(replay, switch)
        run.weigh(replay, composed)
        watch.lap("iterations")
        run.weigh_arms(live)
        watch.lap("arms")
        run.write(watch, memory, None if bot is None else bot.feeds)
        about = provenance_of(composed=composed, market=market, home=home)
        early = {"stopped_after_h": run.result.hours} if stop.wanted() else {}
        headline = asdict(headline_of(run.result))
        folder.complete(verdict=run.result.verdict.value, headline=headline, **about.as_dict(), **early)
    if publish:
        folder.publish()
        folder.rotate(keep=settings.soak.keep_runs)
        write_index(home / "artifacts")
    return run.result, folder.path


def _begun(
    composed: Composed, market: ReplayWindow, home: Path, folder: RunFolder, log: Log, progress: Progress
) -> _Run:
    """Decide what is traded and who judges it, and say so."""
    settings = composed.settings
    result = SoakResult(settings=settings, market=market, root=home, runtime=runtime_of(settings, market))
    result.origin = origin_of(composed, home=home, instrument=market.tape.instrument)
    result.untuned, result.words = why_untuned(settings), own_words(composed)
    begin_symbols(result)
    judge = make_judge(settings=settings, root=composed.root, runtime=result.runtime)
    for line in (opening_line(result), *notices(result)):
        log(line)
    return _Run(result, judge, folder, log, progress)


@contextmanager
def _marked(folder: RunFolder, log: Log, stop: Stop) -> Iterator[None]:
    """Leave the folder of a run that breaks off marked incomplete, with the reason."""
    try:
        yield
    except INTERNAL as error:
        _end_in_error(folder, error, log)
        raise
    except BaseException as error:
        if stop.insisted or isinstance(error, KeyboardInterrupt):
            folder.incomplete(reason="interrupted")
            raise Interrupted(f"interrupted; {folder.path} is marked incomplete") from error
        folder.incomplete(reason=_one_line(error))
        raise


@dataclass(frozen=True)
class _Run:
    """What the parts of one run share: what it finds out, who judges, where it goes, who is told."""

    result: SoakResult
    judge: Judge
    folder: RunFolder
    log: Log
    progress: Progress

    def play(self, replay: Playable, switch: ProfileSwitch | None) -> MemoryWatch:
        """Play every iteration; write its artifacts before the next begins."""
        result, last = self.result, replay.market.iterations
        memory, watch = MemoryWatch(), Stopwatch()

        def moved(number: int, share: float) -> None:
            self.progress(f"iteration {number} of {last}", (number - 1 + share) / last)

        tuner = make_tuner(settings=result.settings, judge=self.judge)
        for played in play(replay, self.judge, tuner, moved=moved):
            result.take(played)
            take_symbols(result, played, self.judge)
            for line in played.decision.markers if played.decision is not None else ():
                self.log(line)
            if switch is not None:
                switch.look(replay)
            write_iteration(result, played.number, self.folder)
            memory.note(hours=watch.elapsed_s() / 3600.0)
            self.log(f"| soak_iter_artifacts | OK | iter={played.number} |")
            self.log(iteration_line(result, played.number, changed=True))
        if (leak := memory.marker()) is not None:
            self.log(leak)
        if replay.market.end_ns < result.market.end_ns:
            asked, result.market = result.hours, replay.market
            self.log(
                f"| soak | STOPPED | after {result.hours:.3g} of {asked:.3g} h: what was traded is judged |"
            )
        return memory

    def weigh(self, replay: Playable, composed: Composed) -> None:
        """Report and judge the whole run, and compare it with what runs today."""
        result = self.result
        result.versions = replay.each()[0].timeline.versions
        result.reloads, result.offers = replay.live.log, replay.live.offers
        wholes, result.report, result.gate = weigh(replay, self.judge)
        result.whole = wholes[0] if len(wholes) == 1 else None
        weigh_symbols(result, replay, self.judge)
        compare_with_present(result, composed)
        write_verdict(result, self.folder)
        sign = slippage_marker(result.totals.percentiles["slippage_bps_p95"])
        for line in (sign, *present_lines(result), result.judged.marker, *verdict_lines(result)):
            self.log(line)

    def write(self, watch: Stopwatch, memory: MemoryWatch, feeds: Mapping[str, FeedCounts] | None) -> None:
        """Write the reports of the whole run, and what it cost, ``feeds`` that grew while it ran too."""
        self.progress("reports", 1.0)
        write_run(self.result, self.folder)
        watch.lap("reports")
        timing = Timing(
            seconds=watch.laps,
            verdict=self.result.verdict.value,
            memory=memory,
            stages=time_stages(self.result) if self.result.settings.soak.stage_timings else None,
            feeds=feeds,
        )
        self.folder.json("timing.json", timing.as_dict())

    def weigh_arms(self, live: LiveSettings) -> None:
        """Play what the tuned run is compared with, and say what a person wants last."""
        result = self.result
        if result.untuned is None:
            result.arms = compare_arms(
                settings=result.settings,
                market=result.market,
                judge=self.judge,
                rules=tuning_rules(result.settings, self.judge),
                tuned=result.packages,
                tuned_report=result.reported,
                progress=self.progress,
                live=live.again,
            )
        for line in closing_lines(result):
            self.log(line)


def _bots() -> type[Bot]:
    """Load what makes a run a bot, which a replay needs nothing of."""
    from framework.session.status import Bot

    return Bot


def _replay(
    result: SoakResult, live: LiveSettings, clock: Clock | None, bot: Bot | None, stop: Stop
) -> Playable:
    outside = Outside(live=live, stopping=stop.wanted, guard=True)
    if bot is not None:
        clock = clock or MonotonicClock()
        outside = replace(outside, clock=clock, journal=bot.open_journal, beat=bot.beat)
    replay = make_replay(settings=result.settings, market=result.market, outside=outside)
    if bot is not None and isinstance(replay, SoakReplay):  # of several symbols none is paced
        bot.start(replay)
    return replay


def _end_in_error(folder: RunFolder, error: Exception, log: Log) -> None:
    """Leave the verdict ERROR behind: results that contradict themselves are not results."""
    verdict: dict[str, Any] = {
        "verdict": Verdict.ERROR.value,
        "exit_code": Verdict.ERROR.exit_code,
        "reasons": ["INTERNAL"],
        "sentence": _one_line(error),
    }
    folder.incomplete(reason=_one_line(error), verdict=Verdict.ERROR.value)
    log("| kpi_gate | ERROR | REASONS=INTERNAL |")
    folder.json("reports/KPI_GATE.json", verdict)


def _one_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
