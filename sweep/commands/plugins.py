"""What Hydra needs to know of us."""

import sys
from types import ModuleType

from hydra.core.plugins import Plugins
from hydra.plugins.plugin import Plugin

from launchers.local import LocalLauncher
from launchers.slurm import commands
from launchers.slurm import launcher as slurm
from sweep.commands import defaults
from sweep.commands.arguments import Argument
from sweep.commands.sweeper import PlanSweeper

CONF = str(defaults.CONF)


def register_plugins(*sweepers: type[PlanSweeper]) -> None:
    """Makes our launchers, these sweepers and all parts known to Hydra, for this process only.

    Hydra 1.3 instantiates only plugins that it can import from the namespace package hydra_plugins. A module
    installed there would be imported by every Hydra application of the environment; this one is not.
    """
    defaults.register_defaults()
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
    """Returns `argv` with SLURM as the launcher, where it answers and nothing else was chosen.

    Where there is sbatch and no answer, says so and that runs are local.
    """
    sbatch = None if any(map(chooses_launcher, argv)) else slurm.found_sbatch()
    if sbatch is None:
        return argv
    silence = commands.silence()
    if silence:
        print(
            f"{sbatch} is here, but SLURM does not answer ({silence}): runs are local; "
            f"hydra/launcher=slurm insists on SLURM, hydra/launcher=local does not ask",
            file=sys.stderr,  # standard output may be a configuration: --cfg job
        )
        return argv
    is_override = [Argument(word).gives_value for word in argv]
    at = is_override.index(True) if any(is_override) else len(argv)  # Hydra wants all overrides in one place
    return [*argv[:at], "hydra/launcher=slurm", *argv[at:]]


def chooses_launcher(word: str) -> bool:
    """Tells whether `word` overrides hydra/launcher in any of Hydra's forms; `hydra.launcher.KEY` only sets it up."""
    return Argument(word).key == "hydra/launcher"
