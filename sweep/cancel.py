"""`python -m sweep.cancel results_dir=DIR [sweep=ID]`: ends the SLURM tasks of a sweep; they save their checkpoints."""

import sys
import time

from launchers.slurm.commands import ClusterUnavailable, Refused
from launchers.slurm.ledger import Ledger, Submitted
from launchers.slurm.queue import cancel, find
from launchers.slurm.watch import Watch
from sweep.commands.arguments import Command, Section
from sweep.commands.keys import RESULTS_DIR, SWEEP
from sweep.commands.observe import find_sweeps
from sweep.config.checks import ConfigError

COMMAND = Command("sweep.cancel", __doc__, (Section("Options", (RESULTS_DIR, SWEEP)),))
WAIT_S = 60.0  # SLURM kills a task that has not ended KillWait (30 s, where it is not set) after it was told to
POLL_S = 1.0


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    for sweep in find_sweeps(arguments[RESULTS_DIR], arguments[SWEEP]):
        try:
            print(f"sweep {sweep.sweep_id}: {end_tasks(sweep.ledger())}")
        except (ClusterUnavailable, Refused, FileNotFoundError) as error:
            raise ConfigError(f"SLURM does not answer: {error}; nothing is known to be cancelled") from error


def end_tasks(ledger: Ledger) -> str:
    """Ends what `ledger` has in the queue, and says how that went. What is not seen to be gone stays in the ledger."""
    live, unsure = ledger.open()
    for name in unsure:
        cancel(find(name))
        if not find(name):
            ledger.withdraw(name)
    left = _still_there(live)
    for entry in live:
        if entry not in left:
            ledger.end(entry.pack_id)
    if left:
        tasks = ", ".join(entry.task for entry in left)
        return (
            f"{len(left)} of {len(live)} tasks are still ending after {WAIT_S:.0f} s: {tasks}; give the command again"
        )
    return f"{len(live)} tasks cancelled. Finished runs stay; the same command goes on."


def _still_there(live: list[Submitted]) -> list[Submitted]:
    """Those of the tasks that SLURM has not ended within WAIT_S."""
    watch, deadline = Watch(), time.monotonic() + WAIT_S
    watch.look(live)
    gone = watch.end(live)
    while len(gone) < len(live) and time.monotonic() < deadline:
        time.sleep(POLL_S)
        gone = watch.end(live)
    return [entry for entry in live if entry not in gone]


if __name__ == "__main__":
    main()
