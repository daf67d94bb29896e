"""`python -m sweep.cancel results_dir=DIR [sweep=ID]`: ends the SLURM tasks of a sweep; they save their checkpoints."""

import sys

from launchers.slurm.commands import ClusterUnavailable, Refused, cancel
from sweep.commands.arguments import Command, Section
from sweep.commands.keys import RESULTS_DIR, SWEEP
from sweep.commands.observe import find_sweeps
from sweep.config.checks import ConfigError

COMMAND = Command("sweep.cancel", __doc__, (Section("Options", (RESULTS_DIR, SWEEP)),))


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    for sweep in find_sweeps(arguments[RESULTS_DIR], arguments[SWEEP]):
        ledger = sweep.ledger()
        live, unsure = ledger.open()
        try:
            cancel(ledger.names())
        except (ClusterUnavailable, Refused, FileNotFoundError) as error:
            raise ConfigError(f"SLURM does not answer: {error}; nothing is known to be cancelled") from error
        for entry in live:
            ledger.end(entry.pack_id)
        for name in unsure:
            ledger.withdraw(name)
        print(f"sweep {sweep.sweep_id}: {len(live)} tasks cancelled. Finished runs stay; the same command goes on.")


if __name__ == "__main__":
    main()
