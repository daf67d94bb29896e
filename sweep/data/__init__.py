"""Data sets, one folder each or per family: what is known of them, and beside it their images as arrays.

Nothing here imports torch.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.config.checks import ConfigError, allowed, check_integer
from sweep.config.datasets import DataSet, data_sets, named_in_rows
from sweep.config.facts import DataFacts
from sweep.data.arrays import ImageArrays
from sweep.data.files import ImageFiles

if TYPE_CHECKING:
    from sweep.config.run import DataSource


def part_of_source(source: "DataSource") -> DataSet:
    """The data set whose code reads `source`; raises `ConfigError`."""
    sources = {part.name: part for part in data_sets().values() if not part.source}
    if source.loader not in sources:
        raise ConfigError(f"data_source={source.loader}: allowed are {allowed(sorted(sources))}")
    known = named_in_rows(source.name)
    if known is not None and known[0].data_source != source.loader:
        raise ConfigError(
            f"dataset_name={source.name} is the name of another data set of this package: results on other "
            f"images need a name of their own"
        )
    return sources[source.loader]


def describe(source: "DataSource") -> DataFacts:
    """Sizes and identity of a data set, without reading its images; raises `ConfigError`."""
    part = part_of_source(source)
    if part.facts is None:
        facts: DataFacts = part.load().describe(source)
        return facts
    if part.printed_side is None:
        return part.facts
    side = check_integer("image_size", source.image_size, 1)
    return replace(part.facts, height=side, width=side)


def prepare(source: "DataSource", cache_dir: Path) -> None:
    """Makes `load` work in any process: downloads, checks, decodes, once; raises `ConfigError`."""
    part_of_source(source).load().prepare(source, cache_dir)


def load(source: "DataSource", cache_dir: Path) -> ImageArrays:
    """The images of a prepared data set."""
    arrays: ImageArrays = part_of_source(source).load().load(source, cache_dir)
    return arrays


def load_files(source: "DataSource") -> ImageFiles:
    """The image files of a data set whose facts say that it `has_files`; they need no preparation."""
    files: ImageFiles = part_of_source(source).load().load_files(source)
    return files
