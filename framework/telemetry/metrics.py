"""Tell metrics: into nothing, or into a registry of our own that is served over HTTP on this machine."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, Protocol

from framework.errors import QuoteopsError
from framework.telemetry.table import TABLE, Kind

HOST = "127.0.0.1"


class TelemetryError(QuoteopsError):
    """Metrics that cannot be served."""


class Metrics(Protocol):
    """Where a process tells its metrics; names and labels are those of the table."""

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Raise a counter."""

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""

    def follow(self, name: str, value: Callable[[], float], **labels: str) -> None:
        """Ask for a gauge's value whenever it is scraped."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Note a value of a distribution."""

    def close(self) -> None:
        """Stop telling."""


class Silent:
    """Tell nobody: what runs where no port is set."""

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Do nothing."""

    def set(self, name: str, value: float, **labels: str) -> None:
        """Do nothing."""

    def follow(self, name: str, value: Callable[[], float], **labels: str) -> None:
        """Do nothing."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Served:
    """Tell a scraper; ``port`` is the one served on."""

    def __init__(self, *, port: int) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
        from prometheus_client import metrics as library

        library.disable_created_metrics()  # type: ignore[no-untyped-call]  # not in the table
        registry = CollectorRegistry(auto_describe=True)
        self._metrics: dict[str, Any] = {}
        for name, metric in TABLE.items():
            labels = [label for label, _ in metric.labels]
            told = f"{metric.help} ({metric.unit})" if metric.unit else metric.help
            if metric.kind is Kind.COUNTER:
                made: Any = Counter(name, told, labels, registry=registry)
            elif metric.kind is Kind.GAUGE:
                made = Gauge(name, told, labels, registry=registry)
            else:
                made = Histogram(name, told, labels, registry=registry, buckets=metric.buckets)
            if labels and all(values for _, values in metric.labels):
                for combined in product(*(values for _, values in metric.labels)):
                    made.labels(*combined)  # a result that has not happened is 0, not absent
            self._metrics[name] = made
        try:
            self._server, self._thread = start_http_server(port, addr=HOST, registry=registry)
        except OSError as error:
            raise TelemetryError(
                f"soak.metrics_port: {port} cannot be served on: {error.strerror or error};"
                " allowed a free port, or 0"
            ) from error
        self.port = int(self._server.server_port)

    def add(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Raise a counter."""
        self._metric(name, labels).inc(amount)

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self._metric(name, labels).set(value)

    def follow(self, name: str, value: Callable[[], float], **labels: str) -> None:
        """Ask for a gauge's value whenever it is scraped."""
        self._metric(name, labels).set_function(value)

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Note a value of a distribution."""
        self._metric(name, labels).observe(value)

    def _metric(self, name: str, labels: dict[str, str]) -> Any:
        """Give a metric, or the part its labels name; raises KeyError for what is not in the table."""
        metric = self._metrics[name]
        for label, values in TABLE[name].labels:
            if values and labels.get(label) not in values:
                raise KeyError(f"{name}: {label} is {labels.get(label)}; allowed {', '.join(values)}")
        return metric.labels(**labels) if labels else metric

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(port: int) -> Served:
    """Serve every metric of the table on this machine alone; port 0 takes a free one.

    Raises TelemetryError when the port cannot be had.
    """
    return Served(port=port)
