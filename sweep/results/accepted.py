"""Older code that a user accepted as equal to today's: one line of JSON per acceptance, never changed or removed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sweep.config.work import Kind
from sweep.results.lines import append_line
from sweep.results.paths import ResultsDir


@dataclass(frozen=True)
class Acceptance:
    """Rows of work of `kind` that carry the fingerprint `old` count as made by the code `new`, and by no other."""

    kind: Kind
    old: str
    new: tuple[str, ...]  # that of today, of each combination of parts among the rows
    rows: int  # that had the fingerprint then
    reason: str
    by: str  # user@host
    at: str  # UTC
    commit: str  # of the checkout, with a + where it had changes; empty outside one


def record_acceptance(results_dir: Path, acceptance: Acceptance) -> None:
    append_line(ResultsDir(results_dir).accepted_code, asdict(acceptance))


def accepted_code(results_dir: Path, kind: Kind) -> frozenset[tuple[str, str]]:
    """Pairs of an older fingerprint and the one that it was accepted as, of work of `kind`."""
    path = ResultsDir(results_dir).accepted_code
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return frozenset((line["old"], new) for line in lines if line["kind"] == kind for new in line["new"])
