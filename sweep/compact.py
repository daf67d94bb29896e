"""`python -m sweep.compact results_dir=DIR` merges the shards of a results directory into few files."""

import sys
from pathlib import Path

from sweep.commands.cli import parse_arguments, run_command
from sweep.config.checks import ConfigError
from sweep.results.compaction import all_stores, compact
from sweep.results.rows import rows_store, shards


def main() -> None:
    arguments = parse_arguments(sys.argv[1:], {"results_dir": "results"})
    results_dir = Path(arguments["results_dir"])
    if not rows_store(results_dir).path.exists():
        raise ConfigError(f"results_dir={results_dir}: no rows there")
    for store in all_stores(results_dir):
        before = compact(store)
        print(f"{store.path}: {before or 'no'} shards merged, {len(shards(store.path))} files now")


if __name__ == "__main__":
    run_command(main)
