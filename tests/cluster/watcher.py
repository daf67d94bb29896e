"""Ends a cluster when the process that started it has ended, whatever ended it: `python -m tests.cluster.watcher CONF`.

Daemons put themselves into the background, where no signal of a parent's death reaches them. The starter holds the
other end of the watcher's standard input, which closes with it.
"""

import signal
import subprocess
import sys
from pathlib import Path

from sweep import PROJECT
from tests.cluster.daemon import STOP_TIMEOUT_S, pids_of, send_signal
from tests.waiting import wait_until


def watch(slurm_conf: Path) -> "subprocess.Popen[bytes]":
    """Starts the watcher of this process's cluster; it ends when its standard input is closed."""
    command = [sys.executable, "-m", "tests.cluster.watcher", str(slurm_conf)]
    return subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, start_new_session=True)


def end_all(slurm_conf: Path) -> None:
    def killed() -> bool:
        left = pids_of(slurm_conf)
        for pid in left:
            send_signal(pid, signal.SIGKILL)
        return not left

    wait_until(killed, STOP_TIMEOUT_S, "no process of the cluster alive")


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end_all(Path(sys.argv[1]))
