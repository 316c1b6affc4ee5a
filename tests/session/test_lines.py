"""What a bot says on each line."""

from __future__ import annotations

from dataclasses import replace

from framework.session.lines import BotLines, Standing

NOW = Standing(
    position=-120.0, base="NEXO", pnl=-0.423, quote="USDT", fills=17, config_sha="ab12cd34ef56" * 5,
    values={"base_spread_bps_delta": 0.1},
)  # fmt: skip


def test_a_line_of_a_bot_says_how_it_stands_and_one_before_it_trades_does_not() -> None:
    said: list[str] = []
    lines = BotLines(said.append)
    lines("| soak | BEGINS |")
    lines.standing = lambda: NOW
    lines("| reload | APPLIED |")
    assert said == [
        "| soak | BEGINS |",
        "| reload | APPLIED | [position -120 NEXO, PnL -0.42 USDT, 17 fills, config ab12cd34ef56:"
        " base_spread_bps_delta=0.1]",
    ]


def test_many_values_are_counted_and_none_is_said() -> None:
    many = replace(NOW, values={f"v{n}": n for n in range(9)}, fills=1, position=-0.0)
    assert many.text().endswith(
        "position 0 NEXO, PnL -0.42 USDT, 1 fill, config ab12cd34ef56: v0=0, v1=1, v2=2, v3=3, 5 more"
    )
    assert replace(NOW, values={}).text().endswith(": no patch")
