"""What Hydra needs to know of us."""

import sys
from types import ModuleType

from hydra.core.plugins import Plugins
from hydra.plugins.plugin import Plugin

from launchers.local import LocalLauncher
from launchers.slurm import launcher as slurm
from sweep import PROJECT
from sweep.sweeper import PlanSweeper

CONF = str(PROJECT / "conf")


def register_plugins(*sweepers: type[PlanSweeper]) -> None:
    """Makes our launchers and these sweepers known to Hydra, for this process only.

    Hydra 1.3 instantiates only plugins that it can import from the namespace package hydra_plugins. A module
    installed there would be imported by every Hydra application of the environment; this one is not.
    """
    plugins = Plugins.instance()  # scans hydra_plugins where an installed package has it
    parent = sys.modules.setdefault("hydra_plugins", ModuleType("hydra_plugins"))
    module = ModuleType("hydra_plugins.qsweep")
    sys.modules[module.__name__] = parent.qsweep = module  # type: ignore[attr-defined]
    plugin_types: tuple[type[Plugin], ...] = (*sweepers, LocalLauncher, slurm.SlurmLauncher)
    for plugin in plugin_types:
        plugin.__module__ = module.__name__
        setattr(module, plugin.__name__, plugin)
        plugins.register(plugin)


def with_default_launcher(argv: list[str]) -> list[str]:
    """`argv` with SLURM as the launcher, where there is one and nothing else was chosen."""
    if not slurm.is_here() or any(argument.startswith("hydra/launcher=") for argument in argv):
        return argv
    is_override = ["=" in argument and not argument.startswith("-") for argument in argv]
    at = is_override.index(True) if any(is_override) else len(argv)  # Hydra wants all overrides in one place
    return [*argv[:at], "hydra/launcher=slurm", *argv[at:]]
