"""Going back: at once and on this machine alone; a proposal then brings git to the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from framework.files.moments import iso_utc
from framework.gitops.agent.hold import place_hold
from framework.gitops.agent.state_dir import JournalView, StateDir
from framework.gitops.agent.way_back import WayBack
from framework.gitops.desired.rendered import read_rendered, store_rendered, successor
from framework.holds.hold import Grounds, Hold, new_hold


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
    held = {
        "commit": way.target.commit,
        "config_sha": rendered.config_sha,
        "overrides_sha": sha,
        "generation": rendered.generation,
        "proven": rendered.config_sha in history.proven,
    }
    data = new_hold(
        replace(
            grounds,
            head=grounds.head or bad.commit,
            head_config_sha=grounds.head_config_sha or bad.config_sha,
        ),
        seq=view.head.seq + 1,
        held={**held, "of": way.target.config_sha, "kept": dict(way.kept)} if way.kept else held,
        quarantined={
            "config_sha": bad.config_sha,
            "commit": bad.commit,
            "overrides_sha": bad.overrides_sha,
            "until": iso_utc(grounds.at + timedelta(seconds=cooldown_s)),
        },
    )
    return place_hold(state_dir, view, data, bot_health=bot_health)
