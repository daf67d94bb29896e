"""Data sets: what is known of one before it is loaded, and its images as arrays. Nothing here imports torch."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from sweep.config.checks import ConfigError, allowed
from sweep.config.facts import DataFacts
from sweep.config.run import DataSource
from sweep.data.arrays import ImageArrays
from sweep.data.files import ImageFiles

_MODULES = {
    "cifar10": "sweep.data.cifar",
    "cifar100": "sweep.data.cifar",
    "digits": "sweep.data.digits",
    "flowers102": "sweep.data.oxford",
    "image_folder": "sweep.data.image_folder",
    "parquet_images": "sweep.data.parquet_images",
    "pets": "sweep.data.oxford",
}


def _module(source: DataSource) -> ModuleType:
    if source.kind not in _MODULES:
        raise ConfigError(f"data_source={source.kind}: allowed are {allowed(_MODULES)}")
    if source.name in _MODULES and source.name != source.kind:
        raise ConfigError(
            f"dataset_name={source.name} is the name of another data set of this package: results on other "
            f"images need a name of their own"
        )
    return import_module(_MODULES[source.kind])


def describe(source: DataSource) -> DataFacts:
    """Sizes and identity of a data set, without reading its images; raises `ConfigError`."""
    facts: DataFacts = _module(source).describe(source)
    return facts


def prepare(source: DataSource, cache_dir: Path) -> None:
    """Makes `load` work in any process: downloads, checks, decodes, once; raises `ConfigError`."""
    _module(source).prepare(source, cache_dir)


def load(source: DataSource, cache_dir: Path) -> ImageArrays:
    """The images of a prepared data set."""
    arrays: ImageArrays = _module(source).load(source, cache_dir)
    return arrays


def load_files(source: DataSource) -> ImageFiles:
    """The image files of a data set whose facts say that it `has_files`; they need no preparation."""
    files: ImageFiles = _module(source).load_files(source)
    return files
