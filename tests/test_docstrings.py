"""Docstrings at the boundaries of the rooms: whole sentences, which stand without the name beside them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep import PROJECT

ROOMS = (
    "launchers", "sweep/commands", "sweep/config", "sweep/data", "sweep/distortions", "sweep/figures",
    "sweep/measures", "sweep/models", "sweep/plan", "sweep/quantizers", "sweep/report", "sweep/results",
    "sweep/search", "sweep/tables", "sweep/training", "sweep/worker",
)  # fmt: skip
# Words with which only a fragment begins.
FRAGMENTS = {
    "after", "and", "as", "at", "before", "between", "by", "for", "from", "how", "in", "into", "its", "of", "on", "or",
    "over", "per", "than", "their", "those", "to", "under", "until", "what", "when", "where", "whether", "which",
    "who", "with", "without",
}  # fmt: skip
FILES = [path for room in ROOMS for path in sorted((PROJECT / room).rglob("*.py"))]
FILES += sorted((PROJECT / "sweep").glob("*.py"))  # the commands
Documented = ast.FunctionDef | ast.ClassDef


def public(path: Path) -> Iterator[Documented]:
    """The functions and classes of a file that have no underscore, and the methods of these classes."""
    module = ast.parse(path.read_text())
    for scope in (module, *(node for node in module.body if isinstance(node, ast.ClassDef))):
        yield from (node for node in scope.body if isinstance(node, Documented) and not node.name.startswith("_"))


def complaint(docstring: str) -> str:
    """Says why the first sentence of `docstring` is none; empty where it is one."""
    paragraph = docstring.split("\n\n")[0].strip()
    first = paragraph.split()[0].strip("`,.;:").lower()
    if first in FRAGMENTS:
        return f"begins with {first!r}"
    if not paragraph[0].isupper():
        return "begins without a capital letter"
    return "" if "." in paragraph or paragraph.endswith(":") else "has no period"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_docstrings_begin_with_a_sentence(path: Path) -> None:
    found = {node.name: complaint(text) for node in public(path) if (text := ast.get_docstring(node)) is not None}
    assert not {name: why for name, why in found.items() if why}


@pytest.mark.parametrize(
    ("docstring", "why"),
    [
        ("Of its own.", "begins with 'of'"),
        ("`value` is signed.", "begins without a capital letter"),
        ("Whether it is.", "begins with 'whether'"),
        ("Returns nothing", "has no period"),
        ("Returns the sum\nof all.\n\nof what", ""),
    ],
)
def test_what_a_fragment_is(docstring: str, why: str) -> None:
    assert complaint(docstring) == why
