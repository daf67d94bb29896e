"""What Hydra needs to know of us."""

import shlex
import sys
from types import ModuleType

from hydra.core.plugins import Plugins
from hydra.plugins.plugin import Plugin

from launchers.local import LocalLauncher
from launchers.slurm import launcher as slurm
from launchers.slurm.parameters import BY_NAME, PREFIX
from sweep.commands import defaults
from sweep.commands.arguments import Argument
from sweep.commands.chosen_in_files import AskedLast, UnknownParts
from sweep.commands.sweeper import PlanSweeper
from sweep.config.checks import ConfigError, no_such_key

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
    plugin_types: tuple[type[Plugin], ...] = (*sweepers, LocalLauncher, slurm.SlurmLauncher, UnknownParts, AskedLast)
    for plugin in plugin_types:
        plugin.__module__ = module.__name__
        setattr(module, plugin.__name__, plugin)
        plugins.register(plugin)


def with_default_launcher(argv: list[str]) -> list[str]:
    """Returns `argv` with SLURM as the launcher, where it answers and nothing else was chosen.

    Where runs are local instead, says why, and leaves out keys of the SLURM launcher. Raises `ConfigError` where one of
    these is given for hydra/launcher=local.
    """
    of_slurm = [word for word in argv if Argument(word).key.startswith(PREFIX)]
    if not any(map(chooses_launcher, argv)) or "hydra/launcher=slurm" in argv:
        for word in of_slurm:
            check_key(word)
    if any(map(chooses_launcher, argv)):
        if of_slurm and "hydra/launcher=local" in argv:
            raise ConfigError(f"{of_slurm[0]}: the local launcher has no such key; say hydra/launcher=slurm")
        return argv
    reason = slurm.why_local()
    if reason is None:
        is_override = [Argument(word).gives_value for word in argv]
        at = is_override.index(True) if any(is_override) else len(argv)  # Hydra wants all overrides in one place
        return [*argv[:at], "hydra/launcher=slurm", *argv[at:]]
    passed_over = f"; not used: {shlex.join(of_slurm)}" if of_slurm else ""
    if reason or of_slurm:  # on standard error: standard output may be a configuration, with --cfg job
        print(f"{reason or 'no sbatch here: runs are local'}{passed_over}", file=sys.stderr)
    return [word for word in argv if word not in of_slurm]


def check_key(word: str) -> None:
    """Raises `ConfigError` where `word` gives a key that the SLURM launcher does not have."""
    name = Argument(word).key.removeprefix(PREFIX)
    if name.partition(".")[0] not in BY_NAME:
        raise no_such_key(word, name, {f"After {PREFIX} there are": BY_NAME})


def chooses_launcher(word: str) -> bool:
    """Tells whether `word` overrides hydra/launcher in any of Hydra's forms; `hydra.launcher.KEY` only sets it up."""
    return Argument(word).key == "hydra/launcher"
