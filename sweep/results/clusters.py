"""Failed runs clustered by their traces, and the values that runs share and others do not have."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sweep.config.run import RUN_FIELDS

_VARIABLE = (
    (re.compile(r"0x[0-9a-fA-F]+"), "0x..."),
    (re.compile(r"\b[0-9a-f]{12,}\b"), "<id>"),
    (re.compile(r"(/[\w.+-]+){2,}"), "<path>"),
    (re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?"), "<n>"),
)
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line \d+, in (?P<function>\S+)')


@dataclass(frozen=True)
class Shared:
    """Values that all of some runs have and not all others."""

    values: dict[str, str]
    is_all_of_them: bool  # whether no other run has all of these values

    def __str__(self) -> str:
        if not self.values:
            return "all runs" if self.is_all_of_them else "no value in common that other runs do not have"
        values = " and ".join(f"{name}={value}" for name, value in self.values.items())
        return f"{'all' if self.is_all_of_them else 'some of the'} runs with {values}"


@dataclass(frozen=True)
class Cluster:
    """Failed runs whose traces are equal but for numbers, ids, paths and addresses."""

    message: str
    runs: pd.DataFrame
    shared: Shared


def normalize(trace: str) -> tuple[str, ...]:
    """Returns what two traces of one fault have in common: the frames by file and function, and the message."""
    lines = trace.strip().splitlines() or [""]
    message = lines[-1] if _FRAME.search(trace) else lines[0]
    for pattern, replacement in _VARIABLE:
        message = pattern.sub(replacement, message)
    frames = (f"{Path(found['file']).name}:{found['function']}" for found in _FRAME.finditer(trace))
    return (*frames, message)


def clusters(runs: pd.DataFrame) -> list[Cluster]:
    """Returns clusters of the failed `runs`, the largest first; `runs` have a plan's columns, `status` and `error`."""
    failed = runs[runs["status"] == "failed"]
    keys = failed["error"].fillna("").map(normalize)
    found = [_cluster(failed[keys == key], runs) for key in keys.unique()]
    return sorted(found, key=lambda cluster: -len(cluster.runs))


def _cluster(members: pd.DataFrame, runs: pd.DataFrame) -> Cluster:
    trace = str(members["error"].iloc[0]).strip()
    message = trace.splitlines()[-1] if _FRAME.search(trace) else trace.partition("\n")[0]
    return Cluster(message, members, shared_values(members, runs))


def shared_values(members: pd.DataFrame, runs: pd.DataFrame) -> Shared:
    """Returns the values that `members`, some of `runs`, have in common and not all others have."""
    texts = runs[list(RUN_FIELDS)].astype(str)
    own = texts.loc[members.index]
    shared = {name: own[name].iloc[0] for name in RUN_FIELDS if own[name].nunique() == 1 < texts[name].nunique()}
    alike = (texts[list(shared)] == pd.Series(shared)).all(axis=1) if shared else pd.Series(True, runs.index)
    return Shared(shared, int(alike.sum()) == len(members))
