"""Names in the published tables: each is a study's or a part's, or nobody reproduces it and the reason stands here."""

import re
from collections.abc import Iterator, Mapping
from functools import cache

import pandas as pd
import pytest

from sweep import PROJECT
from sweep.config.datasets import DataSet, data_sets
from sweep.config.networks import Network, networks
from sweep.config.part_classes import Quantizer, Rule
from sweep.config.parts import Part, parts_of
from sweep.config.studies import StudySpec, known_studies, study_table_of
from sweep.tables.published import read_published

TABLES = sorted(path.stem for path in (PROJECT / "results" / "published").glob("*.csv"))
CITED = "cited from a paper of its own"
DETECTION = "detects objects"
PATCHES = "takes patches of 32 x 32; ours are of 16 x 16"
NOT_REPRODUCED: Mapping[str, Mapping[str, str]] = {
    "dataset": {"VOC": DETECTION},
    "model": {
        "YOLOv5n": DETECTION,
        "ViT-S/32": PATCHES,
        "ViT-B/32": PATCHES,
        "ResNet-152": "for CIFAR: the paper does not say how it is made of ImageNet's",
    },
    "method": {
        "FP": "full precision is no quantizer; the studies that train it name it",
        "LSQ or DoReFa+PACT (not stated)": "QReg does not say which; its table has both beside it",
        **dict.fromkeys(
            (
                "APOT", "Auxi", "BR", "BRECQ", "DAQ", "DSQ", "EWGS", "FAQ", "LCQ", "LLSQ", "LLT", "LQ-Net", "LQ-Nets",
                "NICE", "Nice", "OOQ", "PROFIT", "QIL",
            ),
            CITED,
        ),
    },
}  # fmt: skip


@cache
def printed(table: str) -> pd.DataFrame:
    """The names of every line as the paper has them."""
    columns = list(NOT_REPRODUCED)
    lines = pd.read_csv(PROJECT / "results" / "published" / f"{table}.csv", keep_default_na=False)
    return lines[columns].drop_duplicates()


@cache
def specs() -> list[StudySpec]:
    return [study_table_of(study) for study in known_studies()]


def in_studies(table: str, column: str, name: str) -> bool:
    return any(spec.published == table and name in spec.names[column] for spec in specs())


def claimants(column: str, name: str, dataset: str) -> list[Part]:
    return list({"dataset": of_data_set, "model": of_network, "method": of_method}[column](name, dataset))


def of_data_set(name: str, _: str) -> Iterator[DataSet]:
    for part in data_sets().values():
        if name in part.printed or (part.corrupted and name == f"{part.printed[0]}-C"):
            yield part


def of_network(name: str, dataset: str) -> Iterator[Network]:
    on = {part.name for part in of_data_set(dataset.removesuffix(" (not stated)"), "")}
    for part in networks().values():
        sizes = rf"( \({re.sub('{.*?}', r'[0-9]+', part.printed_sizes)}\))?"
        is_called = any(re.fullmatch(re.escape(spelling) + sizes, name) for spelling in part.printed)
        if is_called and (not part.printed_on or on & set(part.printed_on)):
            yield part


def of_method(name: str, _: str) -> Iterator[Part]:
    for part in (*parts_of(Quantizer).values(), *parts_of(Rule).values()):
        if name in part.printed:
            yield part


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("column", list(NOT_REPRODUCED))
def test_a_name_is_of_one_part_or_is_not_reproduced(column: str, table: str) -> None:
    faulty = {}
    for _, line in printed(table).iterrows():
        name = line[column]
        found = claimants(column, name, line["dataset"])
        listed = name in NOT_REPRODUCED[column]
        if not in_studies(table, column, name) and len(found) + listed != 1:
            faulty[name] = [part.name for part in found]
    assert faulty == {}


@pytest.mark.parametrize("column", list(NOT_REPRODUCED))
def test_what_is_not_reproduced_is_printed(column: str) -> None:
    assert set(NOT_REPRODUCED[column]) <= {name for table in TABLES for name in printed(table)[column]}


@pytest.mark.parametrize("part_class", [DataSet, Network, Quantizer, Rule])
def test_what_a_part_declares_is_printed(part_class: type[Part]) -> None:
    """Of every part with several names all but the first, which is ours, occur in some table."""
    column = {DataSet: "dataset", Network: "model"}.get(part_class, "method")
    names = {name for table in TABLES for name in printed(table)[column]}
    assert {spelling for part in parts_of(part_class).values() for spelling in part.printed[1:]} <= names


@pytest.mark.parametrize(
    ("table", "column", "name", "spelling"),
    [
        ("qgen_table1", "dataset", "ImageNet", "Imagenet-1K"),
        ("qgen_table3", "dataset", "ImageNet", "ImageNet-1K"),
        ("qreg_table1", "model", "ResNet-20", "Resnet20"),
        ("noise_tempering_table1", "method", "DiffQ", "diffQ"),
        ("saq_table7", "method", "SAQ", "SAQ (Ours)"),
    ],
)
def test_a_name_is_read_in_one_spelling(table: str, column: str, name: str, spelling: str) -> None:
    assert spelling in set(printed(table)[column])
    read = set(read_published(table)[column])
    assert name in read and spelling not in read
