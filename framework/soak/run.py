"""The soak: replay the market in iterations, report, judge, tune; leave every artifact behind.

gather (market, rules, judge) → play → report → decide → write. The verdict of the run is the deciding KPI
profile's on the whole run; anything inconsistent ends it with an error and leaves the folder marked
incomplete.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.edge.errors import LedgerError
from framework.edge.report import canonical
from framework.engine.paced import Clock, MonotonicClock
from framework.engine.replay import EngineError
from framework.errors import QuoteopsError
from framework.gates.gate import Gate
from framework.gates.verdict import Verdict
from framework.market.tapes.open import TapeCache
from framework.rollout.route import CANARY
from framework.session.errors import SoakError
from framework.session.halts import loss_halt_before
from framework.session.judge import Judge, make_judge
from framework.session.reload import LiveSettings
from framework.session.replay import SoakReplay, package_of
from framework.session.routes import route_split
from framework.session.run_folder import RunFolder
from framework.session.schedule import make_live_settings
from framework.session.window import open_window
from framework.settings.compose import Composed
from framework.settings.schema.run import RunSettings
from framework.soak.baselines import compare_arms
from framework.soak.provenance import Stopwatch, provenance_of, runtime_of
from framework.soak.reports import write_iteration, write_run, write_verdict
from framework.soak.resources import MemoryWatch, time_stages
from framework.soak.result import SoakResult
from framework.soak.text import closing_lines, iteration_line, notices, opening_line, verdict_lines
from framework.tuning.load import rules_from_mapping
from framework.tuning.params import TuningParams
from framework.tuning.rules import TuningRules
from framework.tuning.state import TunerState, rebase, start_state
from framework.tuning.step import TuningDecision, step
from framework.tuning.totals import input_from_totals

if TYPE_CHECKING:
    from framework.session.status import Bot

__all__ = ["Interrupted", "SoakResult", "run_soak"]

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
"""Gets what is being done and the share of it that is done."""
INTERNAL = (LedgerError, EngineError)
"""The run contradicted itself: verdict ERROR, whatever it had earned."""


class Interrupted(SoakError):
    """A person or the system asked the run to stop."""


def run_soak(
    *,
    composed: Composed,
    say: Say = print,
    progress: Progress = lambda _doing, _share: None,
    tapes: TapeCache | None = None,
    home: Path | None = None,
    own_name: bool = False,
    publish: bool = True,
    clock: Clock | None = None,
) -> tuple[SoakResult, Path]:
    """Run one soak and write its artifacts; give what it found out and the folder it is in.

    ``say`` gets the lines for stdout. ``home`` is the repository (default: where the configuration lies),
    below whose artifacts/ the latest run is published. ``own_name`` says that the run's folder was named by
    a word. ``clock`` paces a soak on the wall clock. Raises QuoteopsError subclasses for what cannot be
    run, Interrupted on Ctrl-C.
    """
    home = home or composed.root
    folder = RunFolder(composed.run_dir, artifacts=home / "artifacts")
    settings = composed.settings
    watch = Stopwatch()
    folder.start({"config_sha": settings.config_sha, "seed": settings.soak.seed}, own_name=own_name)
    try:
        progress("market", 0.0)
        market = open_window(settings=settings, tapes=tapes or TapeCache(say=say))
        watch.lap("market")
        result = SoakResult(settings=settings, market=market, root=home, runtime=runtime_of(settings, market))
        result.untuned = why_untuned(settings)
        judge = make_judge(settings=settings, root=composed.root, runtime=result.runtime)
        say(opening_line(result))
        for line in notices(result):
            say(line)
        memory = MemoryWatch()
        live = make_live_settings(composed=composed, market=market, say=say)
        with _bot(composed, home, folder, live, say) as bot:
            replay = _replay(result, live, clock, bot)
            _Game(result, judge, folder, say, progress, replay, memory).play()
        watch.lap("iterations")
        write_verdict(result, folder)
        for line in (result.judged.marker, *verdict_lines(result)):
            say(line)
        _weigh_arms(result, judge, progress, live)
        watch.lap("arms")
        for line in closing_lines(result):
            say(line)
        progress("reports", 1.0)
        write_run(result, folder)
        watch.lap("reports")
        folder.json("timing.json", _timing(result, watch, memory))
        folder.complete(verdict=result.verdict.value, **provenance_of(result, composed, home=home))
    except INTERNAL as error:
        _end_in_error(folder, error, say)
        raise
    except QuoteopsError as error:
        folder.incomplete(reason=_one_line(error))
        raise
    except KeyboardInterrupt as error:
        folder.incomplete(reason="interrupted")
        raise Interrupted(f"interrupted; {folder.path} is marked incomplete") from error
    except BaseException as error:
        folder.incomplete(reason=_one_line(error))
        raise
    if publish:
        folder.publish()
        folder.rotate(keep=settings.soak.keep_runs)
    return result, folder.path


class _Game:
    """One run's iterations: play, report, judge, tune, write, in turn."""

    def __init__(
        self,
        result: SoakResult,
        judge: Judge,
        folder: RunFolder,
        say: Say,
        progress: Progress,
        replay: SoakReplay,
        memory: MemoryWatch,
    ) -> None:
        self.memory, self.watch = memory, Stopwatch()
        self.result, self.judge, self.folder, self.say, self.progress = result, judge, folder, say, progress
        self.rules = tuning_rules(result.settings, judge) if result.untuned is None else None
        self.replay = replay
        self.last = result.market.iterations

    def play(self) -> None:
        """Play every iteration; write its artifacts before the next begins."""
        result = self.result
        package = package_of(result.settings)
        state = start_state(params=package)
        for k in range(1, self.last + 1):
            package, state = self._iteration(k, package, state)
        if (leak := self.memory.marker()) is not None:
            self.say(leak)
        result.whole, result.versions = self.replay.whole(), self.replay.timeline.versions
        result.reloads, result.offers = self.replay.live.log, self.replay.live.offers
        result.report = self.judge.report(result.whole)
        if any(version.route == CANARY for version in result.versions):
            split = route_split(
                window=result.whole,
                versions=result.versions,
                end_ns=result.market.end_ns,
                guard=result.settings.rollout_guard,
            )
            result.report["routes"] = canonical(split)
        result.gate = self.judge.gate(result.report, result.whole)

    def _iteration(self, k: int, package: TuningParams, state: TunerState) -> tuple[TuningParams, TunerState]:
        """Play iteration ``k`` (from 1); give the package and the tuner's state for the next."""
        result, doing = self.result, f"iteration {k} of {self.last}"

        def moved(share: float) -> None:
            self.progress(doing, (k - 1 + share) / self.last)

        moved(0.0)
        window = self.replay.run(package, moved=moved)
        # What a patch has set in mid-run is the tuner's new start, not a change nobody ordered.
        if self.rules is not None:
            for values in self.replay.live.rebased():
                state, _ = rebase(state=state, patch=values, bounds=self.rules.bounds)
        package = self.replay.package
        ran = self.replay.package_tried()
        result.windows.append(window)
        result.packages.append(ran)
        result.reports.append(self.judge.report(window))
        result.gates.append(_with_earlier_halt(result, self.judge.gate(result.reports[-1], window)))
        if self.rules is not None:
            decision = self._tune(self.rules, k, ran, state)
            result.decisions.append(decision)
            for line in decision.markers:
                self.say(line)
            package, state = decision.new_params, decision.state
        write_iteration(result, k, self.folder)
        self.memory.note(hours=self.watch.elapsed_s() / 3600.0)
        self.say(f"| soak_iter_artifacts | OK | iter={k} |")
        self.say(iteration_line(result, k, changed=True))
        return package, state

    def _tune(self, rules: TuningRules, k: int, ran: TuningParams, state: TunerState) -> TuningDecision:
        totals, gate = self.result.reports[-1]["totals"], self.result.gates[-1]
        measured = input_from_totals(
            totals=totals,
            unit=rules.unit,
            verdict=gate.verdict,
            wall_clock=self.judge.wall_clock,
        )
        return step(rules, state, measured, ran, iteration=k, last_iteration=k == self.last)


def _bot(
    composed: Composed, home: Path, folder: RunFolder, live: LiveSettings, say: Say
) -> AbstractContextManager[Bot | None]:
    """Make the run a bot under the wall clock; its libraries are loaded for it alone."""
    if composed.settings.soak.clock != "wall":
        return nullcontext()
    from framework.session.status import running

    return running(composed=composed, home=home, folder=folder, live=live, say=say)


def _replay(result: SoakResult, live: LiveSettings, clock: Clock | None, bot: Bot | None) -> SoakReplay:
    replay = SoakReplay(
        settings=result.settings,
        market=result.market,
        clock=None if bot is None else clock or MonotonicClock(),
        live=live,
        beat=None if bot is None else bot.beat,
    )
    if bot is not None:
        bot.start(replay)
    return replay


def _timing(result: SoakResult, watch: Stopwatch, memory: MemoryWatch) -> dict[str, Any]:
    """Give timing.json: the only file that knows wall time and memory."""
    stages = time_stages(result) if result.settings.soak.stage_timings else None
    return {
        "seconds": watch.laps,
        "verdict": result.verdict.value,
        "memory": memory.summary(),
        "stages": stages,
    }


def tuning_rules(settings: RunSettings, judge: Judge) -> TuningRules:
    """Read conf/tuning's table as the tuner's rules, in the units of the deciding KPI profile."""
    table = settings.tuning.model_dump()["table"]
    return rules_from_mapping(table, profile=judge.deciding.name, warm_up=settings.soak.warm_up)


def why_untuned(settings: RunSettings) -> str | None:
    """Say why nothing is tuned, None when something is."""
    if settings.rollout.mode != "disabled":
        return (
            f"rollout is {settings.rollout.mode}: what is tried stays what it is, or nothing is learnt of it"
        )
    if not settings.soak.auto_tune:
        return "soak.auto_tune is false"
    return None if settings.tuning.enabled else "tuning is off"


def _weigh_arms(result: SoakResult, judge: Judge, progress: Progress, live: LiveSettings) -> None:
    if result.untuned is not None:
        return
    result.arms = compare_arms(
        settings=result.settings,
        market=result.market,
        judge=judge,
        rules=tuning_rules(result.settings, judge),
        tuned=result.packages,
        tuned_report=result.report,
        progress=progress,
        live=live.again,
    )


def _end_in_error(folder: RunFolder, error: Exception, say: Say) -> None:
    """Leave the verdict ERROR behind: results that contradict themselves are not results."""
    verdict: dict[str, Any] = {
        "verdict": Verdict.ERROR.value,
        "exit_code": Verdict.ERROR.exit_code,
        "reasons": ["INTERNAL"],
        "sentence": _one_line(error),
    }
    folder.incomplete(reason=_one_line(error), verdict=Verdict.ERROR.value)
    say("| kpi_gate | ERROR | REASONS=INTERNAL |")
    folder.json("reports/KPI_GATE.json", verdict)


def _with_earlier_halt(result: SoakResult, gate: Gate) -> Gate:
    """Say in an iteration's sentence that an earlier one ended all quoting."""
    first = loss_halt_before(result.gates)
    if first is None:
        return gate
    return replace(gate, sentence=f"{gate.sentence}; no quoting since the loss halt in iteration {first}")


def _one_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
