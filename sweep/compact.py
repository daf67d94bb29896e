"""`python -m sweep.compact results_dir=DIR` merges the shards of a results directory into few files."""

import sys

from sweep.commands.arguments import Command, Section
from sweep.commands.keys import RESULTS_DIR
from sweep.config.checks import ConfigError
from sweep.results.compaction import all_stores, compact
from sweep.results.rows import rows_store, shards

COMMAND = Command("sweep.compact", __doc__, (Section("Options", (RESULTS_DIR,)),))


def main() -> None:
    results_dir = COMMAND.parse(sys.argv[1:])[RESULTS_DIR]
    if not rows_store(results_dir).path.exists():
        raise ConfigError(f"results_dir={results_dir}: no rows there")
    for store in all_stores(results_dir):
        before = compact(store)
        print(f"{store.path}: {before or 'no'} shards merged, {len(shards(store.path))} files now")


if __name__ == "__main__":
    main()
