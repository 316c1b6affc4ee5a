"""gitops/: the policy of changes, the desired state of each environment, and the tapes that are evidence."""

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from framework.settings.schema.base import StrictModel, knob
from framework.settings.schema.market import Symbol, UtcTime

Tier = Literal["sandbox", "paper", "production"]
"""How much is at stake; an environment names its own."""

Evidence = Literal["check", "gate"]
"""check: the classification alone; gate: the paired gate besides."""

Regime = Literal["normal", "event", "high_vol"]
Horizon = Literal["1s", "5s", "30s"]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"), "letters, digits, '.', '_', '-'"]
PatchFile = Annotated[
    str,
    Field(pattern=r"^runtime_overrides/[A-Za-z0-9._-]+\.(yaml|json)$"),
    "a file like runtime_overrides/paper.yaml",
]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$"), "a SHA-256, 64 hexadecimal digits"]
Text = Annotated[str, Field(min_length=1)]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$"), "a variable's name"]
Weekday = Annotated[
    str,
    Field(pattern=r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01]\d|2[0-3]):[0-5]\d$"),
    "a time like Fri 20:00 (UTC)",
]
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class PathClasses(StrictModel):
    """Which file is what, by glob (* crosses folders); a path of several is the first; of none it is code."""

    judge: tuple[Text, ...] = knob(
        unit="", help="what judges: never changed together with what it judges", default=()
    )
    gate: tuple[Text, ...] = knob(unit="", help="the same, by its older name", default=())
    model: tuple[Text, ...] = knob(unit="", help="models")
    parameters: tuple[Text, ...] = knob(unit="", help="what the evidence is about")
    docs: tuple[Text, ...] = knob(unit="", help="what changes nothing that runs")


class KeyRule(StrictModel):
    """A field that a change may touch; ``step`` and ``ratio`` bound a change that does not reduce risk."""

    step: float | None = knob(unit="the field's own", help="largest change at a time", default=None, gt=0.0)
    ratio: float | None = knob(
        unit="of the old value", help="largest change at a time", default=None, gt=0.0, le=100.0
    )
    tiers: tuple[Tier, ...] = knob(
        unit="", help="where the field may change", default=("sandbox", "paper", "production")
    )


class TierRules(StrictModel):
    """What a change needs in the environments of one tier."""

    reducing: Evidence = knob(unit="", help="evidence for a change that reduces risk")
    increasing: Evidence = knob(unit="", help="evidence for a change that increases risk")
    gated: Evidence = knob(unit="", help="evidence for a change without a risk direction")
    net: Literal["better", "not_worse"] = knob(unit="", help="what the gate asks of net")
    regimes: tuple[Regime, ...] = knob(unit="", help="regimes the tapes must show, or the gate names them")
    synthetic_alone: bool = knob(unit="", help="synthetic tapes alone may promote")
    warn_promotes: bool = knob(unit="", help="a WARN may be merged when an owner approves it")
    signed: bool = knob(unit="", help="every commit must be signed by one of the signers")
    promotion_signed: bool | None = knob(
        unit="",
        help="a promotion counts only when a signer has signed it; null: not in sandbox",
        default=None,
    )
    approvals: int = knob(unit="owners", help="approvals a change needs", ge=0, le=10)


class Tiers(StrictModel):
    """The rules of each tier."""

    sandbox: TierRules
    paper: TierRules
    production: TierRules


class Margin(StrictModel):
    """A margin in basis points of turnover; the larger of the two counts."""

    bps: float = knob(unit="bps", help="fixed part", ge=0.0, le=100.0)
    of_gross: float = knob(unit="of the baseline's quoted edge", help="part that scales", ge=0.0, le=1.0)


class RiskMargins(StrictModel):
    """How much worse, relative to the baseline, a candidate may be on each measure of risk."""

    drawdown: float = knob(unit="of the baseline", help="drawdown in a block", ge=0.0, le=10.0)
    rms_inventory: float = knob(unit="of the baseline", help="RMS inventory", ge=0.0, le=10.0)
    requests: float = knob(
        unit="of the baseline", help="requests per hour that a quote rests", ge=0.0, le=10.0
    )
    off_target: float = knob(
        unit="of the baseline", help="share of the quoted time off target", ge=0.0, le=10.0
    )


class MarketClass(StrictModel):
    """How a kind of market is cut into blocks, and when a fill is marked."""

    block_s: int = knob(unit="s", help="length of a block", ge=10, le=7_200)
    horizon: Horizon = knob(unit="", help="markout horizon of net")

    @model_validator(mode="after")
    def _a_block_is_twice_its_horizon(self) -> Self:
        if self.block_s < 2 * int(self.horizon.removesuffix("s")):
            raise ValueError(f"block_s is {self.block_s}; allowed at least twice the horizon, {self.horizon}")
        return self


class MarketClasses(StrictModel):
    """Liquid and thin markets: evidence is counted in different units."""

    liquid: MarketClass
    thin: MarketClass


class GateRules(StrictModel):
    """The statistics of the paired gate; measured by ``quoteops gitops calibrate``."""

    alpha: float = knob(unit="", help="false promotions accepted a comparison", gt=0.0, le=0.05)
    min_effective_blocks: float = knob(
        unit="blocks", help="fewer effective blocks prove nothing", ge=10.0, le=10_000.0
    )
    top_block_share: float = knob(
        unit="share", help="one block may hold up to this much of the squared differences", gt=0.0, le=1.0
    )
    variance_floor: float = knob(
        unit="of the baseline's block sd", help="differences count as at least this noisy", ge=0.0, le=10.0
    )
    turnover_floor: float = knob(unit="of the baseline", help="least turnover", ge=0.0, le=1.0)
    net_margin: Margin
    adverse_margin: Margin
    risk_margins: RiskMargins
    markets: MarketClasses


class AlphaBudget(StrictModel):
    """False promotions an environment may risk in a calendar quarter (UTC), over all its attempts."""

    alpha: float = knob(unit="a quarter", help="what a quarter starts with", gt=0.0, le=0.5)
    share: float = knob(unit="of what is left", help="what an attempt spends", gt=0.0, lt=1.0)


class FreezeWindow(StrictModel):
    """Moments, or a stretch of every week, in which only risk-reducing changes pass."""

    reason: Text = knob(unit="", help="why")
    start: UtcTime | None = knob(unit="UTC", help="first frozen moment", default=None)
    end: UtcTime | None = knob(unit="UTC", help="first moment after it", default=None)
    weekly_from: Weekday | None = knob(unit="UTC", help="first frozen minute of a week", default=None)
    weekly_to: Weekday | None = knob(unit="UTC", help="first minute after it", default=None)
    tiers: tuple[Tier, ...] = knob(unit="", help="where", default=("paper", "production"))

    @model_validator(mode="after")
    def _moments_or_a_week(self) -> Self:
        once, weekly = (self.start, self.end), (self.weekly_from, self.weekly_to)
        given = [pair for pair in (once, weekly) if pair != (None, None)]
        if len(given) != 1 or None in given[0]:
            raise ValueError("a freeze needs start and end, or weekly_from and weekly_to")
        if self.start is not None and self.end is not None:
            for name, text in (("start", self.start), ("end", self.end)):
                try:
                    datetime.fromisoformat(text)
                except ValueError:
                    raise ValueError(f"{name} is {text}; allowed a real moment") from None
            if datetime.fromisoformat(self.start) >= datetime.fromisoformat(self.end):
                raise ValueError(f"start {self.start} is not before end {self.end}")
        if self.weekly_from is not None and self.weekly_from == self.weekly_to:
            raise ValueError(f"weekly_from and weekly_to are both {self.weekly_from}")
        return self

    def holds(self, *, tier: str, now: datetime) -> bool:
        """Tell whether the window freezes a tier at a moment."""
        if tier not in self.tiers:
            return False
        now = now.astimezone(UTC)
        if self.start is not None and self.end is not None:
            return datetime.fromisoformat(self.start) <= now < datetime.fromisoformat(self.end)
        assert self.weekly_from is not None
        assert self.weekly_to is not None
        minute = now.weekday() * 1440 + now.hour * 60 + now.minute
        first, last = _minute(self.weekly_from), _minute(self.weekly_to)
        return first <= minute < last if first < last else minute >= first or minute < last


class AgentRules(StrictModel):
    """How the agent of an environment keeps it."""

    poll_s: float = knob(unit="s", help="pause between two looks at the remote", ge=0.1, le=3_600.0)
    stale_s: float = knob(unit="s", help="a bot silent for longer is missing", ge=1.0, le=3_600.0)
    probation_s: float = knob(
        unit="s", help="a content this long in good health is known to be good", ge=0.0, le=604_800.0
    )
    cooldown_h: float = knob(
        unit="h", help="a content that was rolled back is refused this long", ge=0.0, le=8_760.0
    )


class Policy(StrictModel):
    """gitops/policy.yaml: which changes are allowed, and what each has to show."""

    paths: PathClasses
    keys: dict[str, KeyRule]
    tiers: Tiers
    gate: GateRules
    budget: AlphaBudget
    freeze: tuple[FreezeWindow, ...] = knob(unit="", help="when only risk may be reduced", default=())
    settle_h: float = knob(
        unit="h",
        help="after a loosening, how long changes are judged by the stricter of old and new",
        default=168.0,
        ge=0.0,
        le=8_760.0,
    )
    owners: tuple[Text, ...] = knob(unit="", help="who approves, as the code host names them")
    signers: tuple[Text, ...] = knob(
        unit="", help="lines of ssh-keygen's allowed signers: whose signature counts", default=()
    )
    revoked_keys: tuple[Text, ...] = knob(
        unit="", help="public keys whose signatures no longer count", default=()
    )
    token_env: Variable = knob(
        unit="", help="variable that holds the token for pull requests", default="GITHUB_TOKEN"
    )
    agent: AgentRules

    @model_validator(mode="after")
    def _signatures_need_signers(self) -> Self:
        asked = [name for name in Tiers.model_fields if self.rules(name).signed]
        if asked and not self.signers:
            raise ValueError(f"tiers.{asked[0]}.signed is true; allowed with at least one line in signers")
        return self

    def rules(self, tier: str) -> TierRules:
        """Return the rules of a tier."""
        rules: TierRules = getattr(self.tiers, tier)
        return rules

    def signs_promotions(self, tier: str) -> bool:
        """Tell whether a promotion in a tier counts only when one of the signers has signed it."""
        asked = self.rules(tier).promotion_signed
        return tier != "sandbox" if asked is None else asked

    @property
    def signer_lists(self) -> tuple[str, str]:
        """Return who may sign and which keys no longer count, as ssh-keygen reads them."""
        return "\n".join(self.signers) + "\n", "\n".join(self.revoked_keys) + "\n"

    def rule_of(self, name: str) -> KeyRule | None:
        """Return a field's own rule, else that of the first pattern that matches; None: it may not change."""
        own = self.keys.get(name)
        return own or next((rule for pattern, rule in self.keys.items() if fnmatchcase(name, pattern)), None)

    def frozen(self, *, tier: str, now: datetime) -> FreezeWindow | None:
        """Return the window that freezes a tier at a moment, if any."""
        return next((window for window in self.freeze if window.holds(tier=tier, now=now)), None)


OWN_KEYS = ("profile", "rollout", "soak.overrides_file", "soak.environment")


class EnvironmentFile(StrictModel):
    """gitops/environments/<name>.yaml: what runs in one environment."""

    name: Word = knob(unit="", help="name of the environment, as its file is called")
    tier: Tier = knob(unit="", help="which rules of the policy hold")
    branch: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"), "a branch name"] = knob(
        unit="", help="branch whose newest commit is the desired state", default="main"
    )
    profile: Word = knob(unit="", help="file of conf/profile")
    rollout: Word = knob(unit="", help="file of conf/rollout", default="disabled")
    overrides: PatchFile | None = knob(
        unit="", help="patch below runtime_overrides/; null for the profile alone", default=None
    )
    candidate: PatchFile | None = knob(
        unit="", help="patch that makes the candidate of the baseline; null: there is none", default=None
    )
    words: tuple[Text, ...] = knob(
        unit="", help="further words of the run, as on the command line", default=()
    )
    models: dict[Word, Digest] = knob(unit="", help="model slot to the model's digest", default={})
    tapes: tuple[Word, ...] = knob(
        unit="", help="tapes of gitops/tapes.yaml that are evidence here; none: all", default=()
    )

    @model_validator(mode="after")
    def _the_branch_can_be(self) -> Self:
        odd = any(piece in self.branch for piece in ("..", "//", "/.")) or self.branch.endswith(("/", "."))
        if odd or any(part.endswith(".lock") for part in self.branch.split("/")):
            raise ValueError(f"branch is {self.branch}; allowed a name that git takes")
        return self

    @model_validator(mode="after")
    def _words_leave_what_the_file_says(self) -> Self:
        for word in self.words:
            key, equals, _ = word.partition("=")
            if not equals or key in OWN_KEYS or key.startswith("rollout.candidate"):
                raise ValueError(
                    f"words: {word}; allowed key=value beside profile, rollout, candidate and overrides,"
                    " which have keys of their own"
                )
            if key.partition(".")[0] in ("params", "hydra", "kpi") or key.startswith("hydra/"):
                raise ValueError(
                    f"words: {word}; allowed in the overrides file (params), in conf/kpi (kpi) or nowhere"
                    " (hydra)"
                )
        return self


class SyntheticTape(StrictModel):
    """A tape that is made, not recorded: enough for a sandbox, never alone for more."""

    preset: Literal["liquid_perp", "thin_spot"] = knob(unit="", help="which kind of book to imitate")
    seed: int = knob(unit="", help="seed of the market", ge=0, le=2**63 - 1)
    hours: float = knob(unit="h", help="how long", gt=0.0, le=744.0)


class EvidenceTape(StrictModel):
    """A tape that both configurations replay: made from a seed, or recorded and named by its digest."""

    name: Word = knob(unit="", help="name of the tape")
    regime: Regime = knob(unit="", help="how the day behaved")
    market: Literal["liquid", "thin"] = knob(unit="", help="which blocks and horizon hold")
    symbol: Symbol = knob(unit="", help="which symbol")
    synthetic: SyntheticTape | None = knob(unit="", help="how it is made", default=None)
    location: Text | None = knob(
        unit="", help="folder of the archive: from the root, absolute, or a URL", default=None
    )
    location_env: Variable | None = knob(
        unit="",
        help="variable of the gate's own that holds the location: who cannot read it sees no tape",
        default=None,
    )
    start: UtcTime | None = knob(unit="UTC", help="first moment; null for the archive's own", default=None)
    end: UtcTime | None = knob(unit="UTC", help="moment to stop at; null for the archive's own", default=None)
    digest: Digest | None = knob(unit="", help="digest of the tape, cut to start and end", default=None)

    @property
    def is_synthetic(self) -> bool:
        """Tell whether the tape is made."""
        return self.synthetic is not None

    @model_validator(mode="after")
    def _made_or_recorded(self) -> Self:
        if [self.synthetic, self.location, self.location_env].count(None) != 2:
            raise ValueError(f"{self.name}: allowed either synthetic or location, or location_env")
        if self.synthetic is None and self.digest is None:
            raise ValueError(f"{self.name}: digest is missing; a recorded tape is named by its digest")
        if self.synthetic is not None and (self.start or self.end):
            raise ValueError(f"{self.name}: start and end; allowed for a recorded tape")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"{self.name}: start {self.start} is not before end {self.end}")
        return self


def _minute(text: str) -> int:
    day, time = text.split()
    hour, minute = time.split(":")
    return _DAYS.index(day) * 1440 + int(hour) * 60 + int(minute)
