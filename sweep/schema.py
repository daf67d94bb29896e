"""The columns of every table that a sweep writes: dtype, unit, meaning. results/README.md is made from it."""

import dataclasses
import types
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from sweep.config import RUN_FIELDS, UNLESS, RunConfig


@dataclass(frozen=True)
class Column:
    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class Schema:
    """A table under the results directory."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    def arrow(self) -> pa.Schema:
        return pa.schema([(column.name, column.type) for column in self.columns])

    def markdown(self) -> str:
        lines = [f"## {self.name}/", "", self.meaning, "", "| column | type | unit | meaning |", "|---|---|---|---|"]
        lines += [f"| {c.name} | {c.type} | {c.unit} | {c.meaning} |" for c in self.columns]
        return "\n".join(lines)


_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _science() -> list[Column]:
    return [
        Column(f.name, _arrow_type(f.type), f.metadata["doc"]) for f in dataclasses.fields(RunConfig)
    ]  # fmt: skip


def _arrow_type(annotation: object) -> pa.DataType:
    if isinstance(annotation, types.GenericAlias):  # tuple[int, ...]
        return pa.list_(pa.int64())
    return _TYPES[annotation]  # type: ignore[index]


_I, _F, _S, _B = pa.int64(), pa.float64(), pa.string(), pa.bool_()
_TIME = pa.timestamp("us", tz="UTC")

ROWS = Schema(
    "rows",
    "One row per run, written when the run ends.",
    (
        Column("run_id", _S, f"sha256 of the science config: the columns from {RUN_FIELDS[0]} to {RUN_FIELDS[-1]}"),
        Column("status", _S, "finished, diverged (a NaN or infinite loss) or failed (see error)"),
        Column("attempt", _I, "how often the run had been started when this row was made, this time included"),
        Column("study", _S, "name of the grid that the run was part of"),
        *_science(),
        Column("train_loss", _F, "on the clean training set, at best_epoch", "nats"),
        Column("test_loss", _F, "on the test set, at best_epoch", "nats"),
        Column("train_acc", _F, "on the clean training set, at best_epoch", "share of 1"),
        Column("test_acc", _F, "on the test set, at best_epoch", "share of 1"),
        Column("gap", _F, "generalization gap: test_loss - train_loss", "nats"),
        Column("best_epoch", _I, "evaluated epoch with the lowest train_loss, counted from 1"),
        Column("last_train_loss", _F, "as train_loss, after the last epoch", "nats"),
        Column("last_test_loss", _F, "as test_loss, after the last epoch", "nats"),
        Column("last_train_acc", _F, "as train_acc, after the last epoch", "share of 1"),
        Column("last_test_acc", _F, "as test_acc, after the last epoch", "share of 1"),
        Column("last_gap", _F, "last_test_loss - last_train_loss", "nats"),
        Column("at_chance", _B, "no evaluated epoch beat guessing the largest class by 3 standard errors"),
        Column("step_sizes_clamped", _I, "how often a step size or PACT's alpha had to be kept above zero"),
        Column("parameters", _I, "of the network, without those of quantizers"),
        Column("train_size", _I, "training images used"),
        Column("test_size", _I, "test images used"),
        Column("epochs_trained", _I, "complete epochs; fewer than epochs where the run diverged"),
        Column("engine", _S, "plain, or array: trained together with other runs of its architecture"),
        Column("array_size", _I, "runs that were trained together when this one ended"),
        Column("seconds", _F, "training and evaluation, over all attempts; of an array, the run's share", "s"),
        Column("images_per_s", _F, "training images per second, evaluation included", "1/s"),
        Column("device", _S, "cpu, or the name of the GPU"),
        Column("threads", _I, "CPU threads of the worker"),
        Column("error", _S, "trace of a failed run"),
        Column("code", _S, "sha256 of the source files that decide the numbers; a row of other code is stale"),
        Column("commit", _S, "git commit of the checkout, empty where there is none"),
        Column("dirty", _B, "whether the checkout had uncommitted changes"),
        Column("qsweep_version", _S, "version of this package"),
        Column("torch_version", _S, "version of torch"),
        Column("cuda_version", _S, "CUDA that torch was built with, empty for none"),
        Column("host", _S, "machine"),
        Column("job_id", _S, "of the scheduler"),
        Column("started_at", _TIME, "start of the attempt that made this row"),
        Column("ended_at", _TIME, "end of it"),
    ),
)

CURVES = Schema(
    "curves",
    "One row per epoch of every run; loss and accuracy are null where the epoch was not evaluated.",
    (
        Column("run_id", _S, "the run"),
        Column("attempt", _I, "as in rows"),
        Column("epoch", _I, "counted from 1"),
        Column("lr", _F, "learning rate in this epoch"),
        Column("batch_loss", _F, "mean loss of the training batches as they were trained on", "nats"),
        Column("train_loss", _F, "on the clean training set after the epoch", "nats"),
        Column("train_acc", _F, "on the clean training set after the epoch", "share of 1"),
        Column("test_loss", _F, "on the test set after the epoch", "nats"),
        Column("test_acc", _F, "on the test set after the epoch", "share of 1"),
        Column("ended_at", _TIME, "end of the attempt"),
    ),
)


def with_later_columns(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """`table`, with the hyperparameters among `names` that are newer than it at what changes nothing."""
    types = ROWS.arrow()
    for name in [name for name in names if name in UNLESS]:
        default = pa.scalar(UNLESS[name], types.field(name).type)
        if name not in table.column_names:
            table = table.append_column(types.field(name), pa.repeat(default, len(table)))
        elif table[name].null_count:
            filled = pc.fill_null(table[name], default)
            table = table.set_column(table.column_names.index(name), types.field(name), filled)
    return table


_HEAD = """# What a sweep writes

`results_dir` (by default `results/`, where git ignores it) holds:

| path | what |
|---|---|
| rows/, curves/ | the tables below: `pandas.read_parquet("results/rows")` |
| sweeps/ID/ | plan.parquet, the journal of every worker, and the workers' logs; of a search also trials.jsonl |
| checkpoints/, weights/ | of unfinished runs; initial and best weights with `keep_weights=true` |
| damaged/ | shards that could not be read |
| cache/ | decoded images |

`published/` has the papers' tables as csv. This page is made from sweep/schema.py by `python -m sweep.schema`.
"""


def readme() -> str:
    return "\n".join([_HEAD, ROWS.markdown(), "", CURVES.markdown(), ""])


if __name__ == "__main__":
    print(readme(), end="")
