"""Paths that the pages name exist."""

import re
from pathlib import Path

import pytest

from sweep import PROJECT

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
NAMED = re.compile(r"`((?:sweep|launchers|conf|tests|benchmarks|results/published)/[\w./-]*\w/?)`")
LINKED = re.compile(r"\]\(([\w./-]+\.md)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text()
    named = {PROJECT / name for name in NAMED.findall(text) if "NAME" not in name}
    linked = {page.parent / name for name in LINKED.findall(text)}
    assert {str(path) for path in named | linked if not path.exists()} == set()
