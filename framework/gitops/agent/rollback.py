"""Going back: at once and on this machine alone; a proposal then brings git to the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from framework.files.moments import iso_utc
from framework.gitops.agent.hold import place_hold
from framework.gitops.agent.state_dir import JournalView, StateDir
from framework.gitops.agent.way_back import WayBack
from framework.gitops.desired.rendered import read_rendered, store_rendered, successor
from framework.holds.hold import Grounds, Held, Hold, Quarantined, new_hold


def roll_back(
    state_dir: StateDir,
    view: JournalView,
    grounds: Grounds,
    way: WayBack,
    *,
    cooldown_s: float,
    bot_health: str,
) -> Hold:
    """Put an earlier content back, hold it against git, and quarantine what was in force.

    The caller has the turn and has finished what was cut off.
    """
    history = view.history()
    bad = history.applied
    assert bad is not None
    before = read_rendered(bad.overrides_sha, folder=state_dir.contents)
    rendered = successor(replace(way.content, cause="rollback"), applied=bad, before=before)
    sha = store_rendered(rendered, folder=state_dir.contents)
    held = Held(
        way.target.commit,
        rendered.config_sha,
        sha,
        rendered.generation,
        rendered.config_sha in history.proven,
        of=way.target.config_sha if way.kept else "",
        kept=way.kept,
    )
    data = new_hold(
        replace(
            grounds,
            head=grounds.head or bad.commit,
            head_config_sha=grounds.head_config_sha or bad.config_sha,
        ),
        seq=view.head.seq + 1,
        held=held,
        quarantined=Quarantined(
            bad.config_sha,
            bad.commit,
            bad.overrides_sha,
            iso_utc(grounds.at + timedelta(seconds=cooldown_s)),
        ),
    )
    return place_hold(state_dir, view, data, bot_health=bot_health)
