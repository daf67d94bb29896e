"""`python -m sweep.run` trains one run, `python -m sweep.run -m` a grid of them. See README.md."""

import sys
from types import ModuleType

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from omegaconf import DictConfig

from launchers.local import LocalLauncher
from launchers.slurm import launcher as slurm
from sweep import PROJECT
from sweep.config import SETTING_KEYS, SOURCE_KEYS, ConfigError, allowed, did_you_mean
from sweep.grid import AXES, GROUPS
from sweep.sweeper import GridSweeper, single_run

CONF = str(PROJECT / "conf")
KEYS = sorted({*AXES, *SETTING_KEYS, *SOURCE_KEYS, "grid"})


def register_plugins() -> None:
    """Makes our sweeper and launcher known to Hydra, for this process only.

    Hydra 1.3 instantiates only plugins that it can import from the namespace package hydra_plugins. A module
    installed there would be imported by every Hydra application of the environment; this one is not.
    """
    plugins = Plugins.instance()  # scans hydra_plugins where an installed package has it
    parent = sys.modules.setdefault("hydra_plugins", ModuleType("hydra_plugins"))
    module = ModuleType("hydra_plugins.qsweep")
    sys.modules[module.__name__] = parent.qsweep = module  # type: ignore[attr-defined]
    for plugin in (GridSweeper, LocalLauncher, slurm.SlurmLauncher):
        plugin.__module__ = module.__name__
        setattr(module, plugin.__name__, plugin)
        plugins.register(plugin)


def check_keys(argv: list[str]) -> None:
    """Raises `ConfigError` on a misspelt key, which Hydra would report without saying what is allowed."""
    for argument in argv:
        key = argument.partition("=")[0].lstrip("+~")
        is_override = "=" in argument and not argument.startswith("-")
        if is_override and key not in KEYS and not key.startswith(("hydra.", "hydra/", "grid.")):
            groups = ", ".join(f"{group}=..." for group in (*GROUPS, "grid"))
            raise ConfigError(
                f"{argument}: there is no such key{did_you_mean(key, KEYS)}. Config groups: {groups}. "
                f"Keys: {allowed(k for k in KEYS if k not in (*GROUPS, 'grid'))}"
            )


def with_default_launcher(argv: list[str]) -> list[str]:
    """`argv` with SLURM as the launcher, where there is one and nothing else was chosen."""
    if not slurm.is_here() or any(argument.startswith("hydra/launcher=") for argument in argv):
        return argv
    is_override = ["=" in argument and not argument.startswith("-") for argument in argv]
    at = is_override.index(True) if any(is_override) else len(argv)  # Hydra wants all overrides in one place
    return [*argv[:at], "hydra/launcher=slurm", *argv[at:]]


@hydra.main(version_base="1.3", config_path=CONF, config_name="sweep")
def train_configured(config: DictConfig) -> None:
    """One run. (With -m, Hydra calls the sweeper instead.)"""
    single_run(config, HydraConfig.get(), train_configured)


def main() -> None:
    try:
        check_keys(sys.argv[1:])
        sys.argv[1:] = with_default_launcher(sys.argv[1:])
        register_plugins()
        train_configured()
    except ConfigError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
