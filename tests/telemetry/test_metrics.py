"""Metrics are those of the table and no others, served on this machine alone; alerts are one line of JSON."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from framework.telemetry.alerts import Severity, alert
from framework.telemetry.metrics import Served, Silent, TelemetryError, serve
from framework.telemetry.table import TABLE, Kind
from tests.command import REPOSITORY


@pytest.fixture
def served() -> Iterator[Served]:
    metrics = serve(0)
    yield metrics
    metrics.close()


def scraped(metrics: Served) -> dict[str, float]:
    """Read every sample over HTTP: name and labels to value."""
    with urlopen(f"http://127.0.0.1:{metrics.port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        sample.name + "".join(f"[{key}={value}]" for key, value in sample.labels.items()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_is_told_is_scraped(served: Served) -> None:
    served.add("overrides_reload_total", result="applied")
    served.add("fills_total", 3, symbol="BTCUSDT", route="canary")
    served.set("position", -0.25, symbol="BTCUSDT")
    served.set("position", 2.0, symbol="ETHUSDT")
    served.follow("overrides_invalid", lambda: 1.0)
    served.observe("reload_latency_s", 0.0007)
    found = scraped(served)
    assert found["overrides_reload_total[result=applied]"] == 1.0
    assert found["overrides_reload_total[result=refused]"] == 0.0
    assert found["fills_total[route=canary][symbol=BTCUSDT]"] == 3.0
    assert found["position[symbol=BTCUSDT]"] == -0.25
    assert found["position[symbol=ETHUSDT]"] == 2.0
    assert found["overrides_invalid"] == 1.0
    assert found["reload_latency_s_bucket[le=0.0005]"] == 0.0
    assert found["reload_latency_s_bucket[le=0.001]"] == 1.0


def test_the_served_metrics_are_the_tables(served: Served) -> None:
    with urlopen(f"http://127.0.0.1:{served.port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    kinds = {family.name + ("_total" if family.type == "counter" else ""): family.type for family in families}
    assert kinds == {name: metric.kind.value for name, metric in TABLE.items()}
    for family in families:
        metric = TABLE[family.name + ("_total" if family.type == "counter" else "")]
        assert family.documentation.startswith(metric.help)


def test_names_say_their_unit_and_counters_that_they_count() -> None:
    for name, metric in TABLE.items():
        assert name.endswith("_total") == (metric.kind is Kind.COUNTER)
        assert name.endswith("_s") == (metric.unit == "s")
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)


def test_the_page_lists_every_metric() -> None:
    page = (REPOSITORY / "docs" / "telemetry.md").read_text(encoding="utf-8")
    for name, metric in TABLE.items():
        labels = "".join(f"{{{label}}}" for label, _ in metric.labels)
        assert f"| `{name}{labels}` | {metric.kind} | {metric.unit} | {metric.help} |" in page


@pytest.mark.skipif(sys.platform != "linux", reason="all of 127/8 is this machine on Linux only")
def test_no_other_address_is_answered_on(served: Served) -> None:
    with socket.socket() as other:
        other.settimeout(5.0)
        assert other.connect_ex(("127.0.0.2", served.port)) != 0


def test_a_taken_port_is_one_line(served: Served) -> None:
    with pytest.raises(
        TelemetryError, match=r"^soak\.metrics_port: \d+ cannot be served on: .*; allowed a free"
    ):
        serve(served.port)


def test_what_is_not_in_the_table_cannot_be_told(served: Served) -> None:
    with pytest.raises(KeyError):
        served.set("profit", 1.0)
    with pytest.raises(KeyError, match="route is nowhere; allowed real, canary"):
        served.add("fills_total", symbol="BTCUSDT", route="nowhere")


def test_without_a_port_the_library_is_not_even_loaded() -> None:
    asked = (
        "import sys, framework.telemetry.metrics as m; m.Silent().add('x');"
        "print('prometheus_client' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", asked], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert told.stdout == "False\n"


def test_silence_takes_everything() -> None:
    silent = Silent()
    silent.add("fills_total")
    silent.set("position", 1.0)
    silent.follow("position", lambda: 1.0)
    silent.observe("reload_latency_s", 1.0)
    silent.close()


def test_an_alert_is_one_line_of_json() -> None:
    stream = io.StringIO()
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    alert(
        name="overrides_invalid", severity=Severity.PAGE, text="two\nlines", stream=stream, now=now, run="r"
    )
    assert stream.getvalue().count("\n") == 1
    assert json.loads(stream.getvalue()) == {
        "at": "2026-01-02T03:04:05.000Z",
        "alert": "overrides_invalid",
        "severity": "page",
        "text": "two lines",
        "run": "r",
    }
