"""Where Hydra looks for launchers and sweepers: names for those of framework.fanout.launcher."""

from dataclasses import dataclass

from hydra.core.config_store import ConfigStore

from framework.fanout.launcher import FanoutLauncher, GridSweeper


class PoolLauncher(FanoutLauncher):
    """hydra/launcher=pool: processes of this machine."""

    backend = "pool"


class RayLauncher(FanoutLauncher):
    """hydra/launcher=ray: a Ray cluster."""

    backend = "ray"


class SerialLauncher(FanoutLauncher):
    """hydra/launcher=serial: one job after the other in this process."""

    backend = "serial"


class Grid(GridSweeper):
    """hydra/sweeper=grid: every combination of the words' lists."""


@dataclass
class PoolConf:
    """``workers``: processes; the cores, at most one a cell, when null."""

    _target_: str = "hydra_plugins.quoteops.PoolLauncher"
    workers: int | None = None


@dataclass
class RayConf:
    """``workers``: cells at a time; all the cores of the cluster when null. ``address`` joins a cluster."""

    _target_: str = "hydra_plugins.quoteops.RayLauncher"
    workers: int | None = None
    address: str | None = None


@dataclass
class SerialConf:
    """Nothing to choose."""

    _target_: str = "hydra_plugins.quoteops.SerialLauncher"


@dataclass
class GridConf:
    """Nothing to choose."""

    _target_: str = "hydra_plugins.quoteops.Grid"


_LAUNCHERS = {"pool": PoolConf, "ray": RayConf, "serial": SerialConf}
for _name, _node in _LAUNCHERS.items():  # Hydra finds plugins by importing them: registering is their import
    ConfigStore.instance().store(group="hydra/launcher", name=_name, node=_node, provider="quoteops")
ConfigStore.instance().store(group="hydra/sweeper", name="grid", node=GridConf, provider="quoteops")
