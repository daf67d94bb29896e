"""How a worker starts, in place of `python -m submitit.core._submit FOLDER`: it listens before it imports anything."""

import sys

from sweep.worker.signals import listen


def main() -> None:
    listen()
    from submitit.core.job_environment import JobEnvironment
    from submitit.core.submission import process_job

    # submitit's own handlers would requeue the task, or raise, in the midst of an import, and pass over SIGTERM.
    JobEnvironment._handle_signals = lambda *ours_stand: None
    process_job(sys.argv[1])


if __name__ == "__main__":
    main()
