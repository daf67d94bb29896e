"""One word, one meaning: the list in docs/architecture.md against the names and types in the code."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

import pytest

from sweep import PROJECT

SOURCES = sorted(path for package in ("sweep", "launchers") for path in (PROJECT / package).rglob("*.py"))
PAGE = (PROJECT / "docs" / "architecture.md").read_text()
OF_PARTS = {"model", "dataset", "quantizer", "rule", "measure"}  # each in the folder of its part, which names it


def table(first_heading: str) -> list[list[str]]:
    """The lines of the table of the page whose first column has this heading."""
    block = re.search(rf"^\| {first_heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, flags=re.M)
    assert block is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.group(1).splitlines()]


TYPES = {word: re.findall(r"`(\w+)`", types) for word, _, types in table("word") if types}
RETIRED = {word for word, _ in table("retired")}


@cache
def nodes() -> list[tuple[str, ast.AST]]:
    """Everything in the code, each with its place."""
    return [
        (f"{path.relative_to(PROJECT)}:{getattr(node, 'lineno', 0)}", node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
    ]


def annotated() -> Iterator[tuple[str, str, str]]:
    """Every parameter and field with a type: its name, the type, its place."""
    for place, node in nodes():
        if isinstance(node, ast.arg) and node.annotation:
            yield node.arg, ast.unparse(node.annotation), place
        elif isinstance(node, ast.ClassDef):
            fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            in_class = f"{place} {node.name}"
            yield from ((ast.unparse(each.target), ast.unparse(each.annotation), in_class) for each in fields)


def names() -> Iterator[tuple[str, str]]:
    """Every module, class, function, parameter, field and variable: its name and its place."""
    yield from ((path.stem, str(path.relative_to(PROJECT))) for path in SOURCES)
    yield from ((name, place) for name, _, place in annotated())
    for place, node in nodes():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, place
        elif isinstance(node, ast.arg):
            yield node.arg, place
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield (node.id if isinstance(node, ast.Name) else node.attr), place


@pytest.mark.parametrize("word", sorted(TYPES))
def test_what_a_word_names_has_its_type(word: str) -> None:
    found = [(annotation, place) for name, annotation, place in annotated() if name == word]
    assert found, f"{word} names nothing in the code"
    assert [f"{place}: {annotation}" for annotation, place in found if not is_one_of(annotation, TYPES[word])] == []


def is_one_of(annotation: str, types: list[str]) -> bool:
    return any(re.search(rf"\b{name}\b", annotation) for name in types)


def test_retired_names_are_gone() -> None:
    assert len(RETIRED) >= 3
    retired = {word.lower() for word in RETIRED}
    assert [f"{place}: {name}" for name, place in names() if name.strip("_").lower() in retired] == []


def test_runs_are_a_frame_where_rows_are_shown() -> None:
    """In tables, figures and reports, whose runs other rooms have as iterables of runs."""
    rooms = ("sweep/tables/", "sweep/figures/", "sweep/report/")
    found = [each for each in annotated() if each[0] == "runs" and each[2].startswith(rooms)]
    assert len(found) > 20
    assert [each for each in found if each[1] != "pd.DataFrame"] == []


def test_a_file_name_says_which_file() -> None:
    """At most two files of the rooms have one name. Commands, beside the rooms, are named by what a person types."""
    in_rooms = [path for path in SOURCES if path.parent != PROJECT / "sweep"]
    counts = Counter(path.stem for path in in_rooms if path.stem not in {"__init__", "__main__"} | OF_PARTS)
    assert [name for name, count in counts.items() if count > 2] == []
