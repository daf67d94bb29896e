"""Runs that start from, or learn from, other runs are one line of a table where these are of one kind."""

from pathlib import Path

from sweep.results.rows import rows_store
from sweep.results.select import planned_and_stored
from sweep.tables.parts.qgen_table1 import PART
from sweep.tables.sources import runs_of_tables, with_sources_described
from tests.conftest import tiny_run
from tests.rows_of import row_of

NAMES = ["bits", "initial_weights", "teacher", "n", "pairs"]


def test_sources_of_one_kind_are_one_line(tmp_path: Path) -> None:
    """Two seeds of each: from full precision, from longer training, from 4 bits; and a teacher that is not known."""
    store = rows_store(tmp_path)
    for seed in (0, 1):
        full, longer, four = (tiny_run(seed=seed, **c) for c in ({"bits": 32}, {"bits": 32, "epochs": 9}, {"bits": 4}))
        unknown = f"run:{'a' * 64}"
        tuned = [tiny_run(seed=seed, bits=2, initial_weights=f"run:{r.run_id}") for r in (full, longer, four)]
        tuned.append(tiny_run(seed=seed, bits=32, initial_weights=f"run:{full.run_id}"))
        for run in (full, longer, four, *tuned, tiny_run(seed=seed, bits=2, teacher=unknown)):
            store.write(run.run_id, [row_of(run)])
    runs = runs_of_tables(tmp_path, sweep="")
    table = PART.lines(runs, runs)
    at_2_bits = table.loc[table["bits"] == 2, NAMES].to_numpy().tolist()
    four_bits = "run bits=4 quantizer=lsq first_last=b step_size_weight_decay=False"
    assert sorted(at_2_bits) == sorted(
        [
            [2, "run at full precision", "none", 2, 2],  # beside the runs that were tuned at full precision
            [2, "run at full precision epochs=9 milestones=3,6", "none", 2, 0],
            [2, four_bits, "none", 2, 0],
            [2, "random", unknown, 2, 0],
        ]
    )


def test_other_weights_keep_their_names(tmp_path: Path) -> None:
    run = tiny_run(initial_weights=f"file:{'b' * 64}")
    rows_store(tmp_path).write(run.run_id, [row_of(run)])
    runs = planned_and_stored(tmp_path)
    assert with_sources_described(runs, runs).equals(runs)
