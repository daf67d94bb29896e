"""Parts from outside that a file of conf/ chooses: Hydra is told what is wrong with one that is not known here."""

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.errors import CompactHydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin

from sweep.commands.defaults import check_part
from sweep.config.checks import ConfigError


class UnknownParts(ConfigSource):
    """Holds no configuration. Hydra asks it for `quantizer/my_package.my_part` where no folder has such a file."""

    @staticmethod
    def scheme() -> str:
        return "unknown-parts"

    def is_config(self, config_path: str) -> bool:
        group, _, name = config_path.rpartition("/")
        try:
            check_part(group, name)
        except ConfigError as error:
            raise CompactHydraException(f"error: {error}") from None
        return False

    def is_group(self, config_path: str) -> bool:
        return False

    def available(self) -> bool:
        return True

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []

    def load_config(self, config_path: str) -> ConfigResult:
        raise NotImplementedError("it holds no configuration")


class AskedLast(SearchPathPlugin):
    """Has Hydra ask `UnknownParts` after the folders of conf/."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.append("qsweep", f"{UnknownParts.scheme()}://")
