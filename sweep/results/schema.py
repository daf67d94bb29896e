"""The columns of every table that a sweep writes: dtype, unit, meaning. results/README.md is made from it."""

import types
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_type_hints, is_typeddict

import pyarrow as pa
import pyarrow.compute as pc

from sweep.config.checks import ConfigError, allowed
from sweep.config.chosen import FROM_OUTSIDE, PART_CLASSES
from sweep.config.measures import measures
from sweep.config.measuring import MEASURE_SETTINGS
from sweep.config.parts import parts_of
from sweep.config.run import HYPERPARAMETERS, RUN_FIELDS, UNLESS
from sweep.config.work import Kind

DECLARED_BY = b"declared_by"


@dataclass(frozen=True)
class Column:
    """A column of a table; `declared_by` is the module of the part from outside whose hyperparameter it is.

    Files of rows remember that.
    """

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    declared_by: str = ""

    def arrow(self) -> pa.Field:
        return pa.field(self.name, self.type, metadata={DECLARED_BY: self.declared_by} if self.declared_by else None)


def column_of(field: pa.Field) -> Column:
    """A column of a file, of which no more is known than the file says."""
    return Column(field.name, field.type, "", declared_by=(field.metadata or {}).get(DECLARED_BY, b"").decode())


@dataclass(frozen=True)
class Schema:
    """A table under the results directory. `key` names what has one row, or the rows of one attempt.

    Each `kind` of work has its table, with a row per task; `past` is what was done to a run then, in messages.
    """

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: str = "run_id"
    kind: Kind = ""
    past: str = ""

    def __post_init__(self) -> None:
        for name, count in Counter(column.name for column in self.columns).items():
            if count > 1:
                modules = [column.declared_by for column in self.columns if column.name == name and column.declared_by]
                raise ConfigError(f"{allowed(modules)}: every row of {self.name} has a column {name}: rename yours")

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns)

    def check(self, names: Iterable[str]) -> None:
        """Raises ValueError where the table has no column of one of these names."""
        unknown = sorted(set(names) - self.names)
        if unknown:
            raise ValueError(f"the table {self.name} has no column {', '.join(unknown)}: declare it in {__name__}")

    def arrow(self) -> pa.Schema:
        return pa.schema([column.arrow() for column in self.columns])

    def markdown(self) -> str:
        lines = [f"## {self.name}/", "", self.meaning, "", "| column | type | unit | meaning |", "|---|---|---|---|"]
        lines += [f"| {c.name} | {c.type} | {c.unit} | {c.meaning} |" for c in self.columns]
        return "\n".join(lines)


_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def _of_runs() -> list[Column]:
    names = {each.key: f": {allowed(parts_of(each))}" for each in PART_CLASSES}
    return [
        Column(
            own.name,
            _arrow_type(own.type),
            own.meaning + names.get(own.name, ""),
            own.unit,
            FROM_OUTSIDE.get(own.name, ""),
        )
        for own in HYPERPARAMETERS.values()
    ]


def _of_measurements() -> list[Column]:
    return [Column(f"measure_{each.name}", _arrow_type(each.type), each.meaning) for each in MEASURE_SETTINGS.values()]


def _of_measures() -> list[Column]:
    return [
        Column(
            each.name,
            _arrow_type(each.type),
            each.meaning,
            each.unit,
            measure.module if measure.is_from_outside else "",
        )
        for measure in measures().values()
        for each in measure.columns
    ]


def _arrow_type(declared: Any) -> pa.DataType:
    """Of a type, a list or tuple of one, or a TypedDict."""
    if isinstance(declared, types.GenericAlias):
        return pa.list_(_arrow_type(declared.__args__[0]))
    if is_typeddict(declared):
        return pa.struct([(name, _arrow_type(type)) for name, type in get_type_hints(declared).items()])
    return _TYPES[declared]


_I, _F, _S, _B = pa.int64(), pa.float64(), pa.string(), pa.bool_()
_TIME = pa.timestamp("us", tz="UTC")

_CIRCUMSTANCES = (
    Column("device", _S, "cpu, or the name of the GPU"),
    Column("cpu_capability", _S, "vector instructions that torch took on the CPU, and oneDNN's limit; null: older row"),
    Column("threads", _I, "CPU threads of the worker"),
    Column("error", _S, "trace of a failure"),
    Column("code", _S, "sha256 of the code that decided the numbers (docs/code.md); a row of other code is stale"),
    Column("commit", _S, "git commit of the checkout, empty where there is none"),
    Column("dirty", _B, "whether the checkout had uncommitted changes"),
    Column("qsweep_version", _S, "version of this package"),
    Column("torch_version", _S, "version of torch"),
    Column("cuda_version", _S, "CUDA that torch was built with, empty for none"),
    Column("host", _S, "machine"),
    Column("job_id", _S, "of the scheduler"),
    Column("started_at", _TIME, "start of the attempt that made this row"),
    Column("ended_at", _TIME, "end of it"),
)

ROWS = Schema(
    "rows",
    "One row per run, written when the run ends.",
    (
        Column("run_id", _S, f"sha256 of the science config: the columns from {RUN_FIELDS[0]} to {RUN_FIELDS[-1]}"),
        Column("status", _S, "finished, diverged (a NaN or infinite loss) or failed (see error)"),
        Column("attempt", _I, "how often the run had been started when this row was made, this time included"),
        Column("study", _S, "name of the grid that the run was part of"),
        *_of_runs(),
        Column("train_loss", _F, "on the clean training set, at best_epoch", "nats"),
        Column("test_loss", _F, "on the test set, at best_epoch", "nats"),
        Column("train_acc", _F, "on the clean training set, at best_epoch", "share of 1"),
        Column("test_acc", _F, "on the test set, at best_epoch", "share of 1"),
        Column("test_top5", _F, "share of the test set with the label among the 5 first, at best_epoch", "share of 1"),
        Column("gap", _F, "generalization gap: test_loss - train_loss", "nats"),
        Column("best_epoch", _I, "evaluated epoch with the lowest train_loss, counted from 1"),
        Column("last_train_loss", _F, "as train_loss, after the last epoch", "nats"),
        Column("last_test_loss", _F, "as test_loss, after the last epoch", "nats"),
        Column("last_train_acc", _F, "as train_acc, after the last epoch", "share of 1"),
        Column("last_test_acc", _F, "as test_acc, after the last epoch", "share of 1"),
        Column("last_test_top5", _F, "as test_top5, after the last epoch", "share of 1"),
        Column("last_gap", _F, "last_test_loss - last_train_loss", "nats"),
        Column("at_chance", _B, "no evaluated epoch beat guessing the largest class by 3 standard errors"),
        Column("step_sizes_clamped", _I, "how often a step size or PACT's alpha had to be kept above zero"),
        Column("parameters", _I, "of the network, without those of quantizers"),
        Column("train_size", _I, "training images used"),
        Column("test_size", _I, "test images used"),
        Column("epochs_trained", _I, "complete epochs; fewer than epochs where the run diverged"),
        Column("processes", _I, "that trained the run together, each on a device of its own; null in older rows: 1"),
        Column("engine", _S, "plain, or array: trained together with other runs of its architecture"),
        Column("array_size", _I, "runs that were trained together when this one ended"),
        Column("seconds", _F, "training and evaluation, over all attempts; of an array, the run's share", "s"),
        Column("images_per_s", _F, "training images per second, evaluation included", "1/s"),
        *_CIRCUMSTANCES,
    ),
    kind="train",
    past="trained",
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
        Column("test_top5", _F, "of the test set with the label among the 5 first after the epoch", "share of 1"),
        Column("ended_at", _TIME, "end of the attempt"),
    ),
)


MEASURES = Schema(
    "measures",
    "One row per run and measure settings, written when `sweep.measure` has measured the run. Join rows by run_id. "
    "raw_ is of the weights as they are, folded_ of those with BN folded into the convolutions.",
    (
        Column("task_id", _S, "sha256 of run_id and measure_id"),
        Column("run_id", _S, "the run"),
        Column("measure_id", _S, "sha256 of the settings: the columns that begin with measure_"),
        Column("status", _S, "finished or failed (see error)"),
        Column("attempt", _I, "as in rows"),
        *_of_measurements(),
        Column("weights", _I, "counted weights: of convolutions and linear layers"),
        Column("train_size", _I, "training images measured on"),
        *_of_measures(),
        Column("seconds", _F, "of the measurement", "s"),
        *_CIRCUMSTANCES,
    ),
    key="task_id",
    kind="measure",
    past="measured",
)


DISTORTIONS = Schema(
    "distortions",
    "One row per run and corruption of the test images, written when `sweep.distort` has evaluated the run on them. "
    "Join rows by run_id.",
    (
        Column("task_id", _S, "sha256 of run_id, corruption, severity, corruption_seed and corruption_source"),
        Column("run_id", _S, "the run"),
        Column("status", _S, "finished or failed (see error)"),
        Column("attempt", _I, "as in rows"),
        Column("corruption", _S, "of Hendrycks & Dietterich 2019, by its name in the published files"),
        Column("severity", _I, "1 to 5"),
        Column("corruption_seed", _I, "of the corruption's noise; 0 for published images"),
        Column("corruption_source", _S, "generated, or the published images cifar-c or imagenet-c"),
        Column("corruption_constants", _S, "whose strength per severity: imagenet-c or cifar-c, and at which scale"),
        Column("corruption_package", _S, "name and version of what generated the images, empty for published ones"),
        Column("images", _I, "corrupted test images evaluated on"),
        Column("distorted_loss", _F, "of the kept weights on them; subtract train_loss of rows for QGen's gap", "nats"),
        Column("distorted_acc", _F, "on them", "share of 1"),
        Column("seconds", _F, "of the evaluation", "s"),
        *_CIRCUMSTANCES,
    ),
    key="task_id",
    kind="distort",
    past="evaluated",
)

TABLES = (ROWS, CURVES, MEASURES, DISTORTIONS)
TABLE_OF = {table.kind: table for table in TABLES if table.kind}  # by kind of work


def with_later_columns(table: pa.Table, names: Iterable[str]) -> pa.Table:
    """Returns `table` with the hyperparameters among `names` that are newer than it, at what changes nothing."""
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
| rows/, curves/, measures/, distortions/ | the tables below: `pandas.read_parquet("results/rows")` |
| sweeps/ID/ | plan.parquet, the journal of every worker, and the workers' logs; of a search also trials.jsonl |
| checkpoints/, weights/ | of unfinished runs; initial and best weights with `keep_weights=true` |
| damaged/ | shards that could not be read |
| cache/ | decoded and corrupted images |
| accepted_code.jsonl | older code that a user accepted as equal to today's: [docs/code.md](../docs/code.md) |

`published/` has the papers' tables as csv. `python -m sweep.results.schema` makes this page from its own source.
"""


def readme() -> str:
    return "\n".join([_HEAD, *(f"{table.markdown()}\n" for table in TABLES)])


if __name__ == "__main__":
    print(readme(), end="")
