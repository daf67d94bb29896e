"""The daemons of a private SLURM cluster: how each is started, found again by its pid file, and ended."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.conf import ClusterConf, current_user
from tests.waiting import wait_until

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Daemon:
    """A program that goes into the background and leaves its pid in run/<name>.pid."""

    name: str
    command: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]

    def start(self) -> None:
        if self.is_alive():
            raise RuntimeError(f"{self.name} is running already: stop or kill it first")
        self._pid_file.unlink(missing_ok=True)
        self._launch()
        wait_until(self.is_alive, START_TIMEOUT_S, f"{self.name} alive (logs in {self.folder / 'log'})")

    def stop(self) -> None:
        """Asks, then kills; one that is gone already is fine."""
        pid = self._pid()
        if pid is None:
            return
        try:
            self._end(pid, signal.SIGTERM)
        except TimeoutError:
            self._end(pid, signal.SIGKILL)

    def kill(self) -> None:
        self._end(self._required_pid(), signal.SIGKILL)

    def freeze(self) -> None:
        """Returns once the process has stopped, which the signal alone does not promise."""
        pid = self._required_pid()
        send_signal(pid, signal.SIGSTOP)
        wait_until(lambda: "State:\tT" in _proc_text(pid, "status"), STOP_TIMEOUT_S, f"{self.name} frozen")

    def thaw(self) -> None:
        send_signal(self._required_pid(), signal.SIGCONT)

    def is_alive(self) -> bool:
        return self._pid() is not None

    def _end(self, pid: int, signal_number: signal.Signals) -> None:
        """Watches the pid and not the pid file, which slurmctld removes long before it ends."""
        send_signal(pid, signal_number)
        wait_until(lambda: not self._is_ours(pid), STOP_TIMEOUT_S, f"end of {self.name}")

    def _pid(self) -> int | None:
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):  # no pid file, or one just being written
            return None
        return pid if self._is_ours(pid) else None

    def _required_pid(self) -> int:
        pid = self._pid()
        if pid is None:
            raise RuntimeError(f"{self.name} is not running: start it first")
        return pid

    def _is_ours(self, pid: int) -> bool:
        """Not so for a zombie, nor for a later process with the number of a dead daemon."""
        return f"SLURM_CONF={self.environ['SLURM_CONF']}" in environ_of(pid)

    @property
    def _pid_file(self) -> Path:
        return self.folder / "run" / f"{self.name}.pid"

    def _launch(self) -> None:
        log = self.folder / "log" / f"{self.name}.out"
        command = (program_path(self.command[0]), *self.command[1:])
        with log.open("wb") as out:  # not a pipe: the daemon would hold it open
            done = subprocess.run(command, env=self.environ, stdout=out, stderr=out, timeout=START_TIMEOUT_S)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: exit code {done.returncode}: {log.read_text().strip()}")


def munged(conf: ClusterConf, environ: Mapping[str, str]) -> Daemon:
    options = (
        "--force",  # whoever owns the folders above ours
        "--num-threads=2",
        f"--key-file={conf.folder}/munge.key",
        f"--socket={conf.munge_socket}",
        f"--pid-file={conf.folder}/run/munged.pid",
        f"--seed-file={conf.folder}/run/munged.seed",
        f"--log-file={conf.folder}/log/munged.log",
    )
    return Daemon("munged", ("munged", *options), conf.folder, environ)


def database_options(conf: ClusterConf) -> tuple[str, ...]:
    """Small, and without the syncs to disk that would take half of the start."""
    return (
        "--no-defaults",
        f"--user={current_user()}",
        f"--datadir={conf.folder}/mariadb",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=8M",
        "--innodb-autoextend-increment=1",
        "--innodb-flush-method=nosync",
        "--innodb-flush-log-at-trx-commit=0",
        "--sync-frm=0",
    )


def mariadbd(conf: ClusterConf, environ: Mapping[str, str]) -> Daemon:
    options = (
        *database_options(conf),
        f"--socket={conf.mariadb_socket}",
        f"--pid-file={conf.folder}/run/mariadbd.pid",
        "--skip-networking",
        "--skip-grant-tables",  # no password: only the folder's owner reaches the socket
    )
    command = ("setsid", "--fork", program_path("mariadbd"), *options)  # it cannot daemonize by itself
    return Daemon("mariadbd", command, conf.folder, environ)


def slurmdbd(conf: ClusterConf, environ: Mapping[str, str]) -> Daemon:
    """slurmdbd.conf is looked for beside SLURM_CONF."""
    database = {"MYSQL_UNIX_PORT": str(conf.mariadb_socket)}
    return Daemon("slurmdbd", ("slurmdbd",), conf.folder, {**environ, **database})


def slurmctld(conf: ClusterConf, environ: Mapping[str, str]) -> Daemon:
    return Daemon("slurmctld", ("slurmctld", "-f", str(conf.slurm_conf)), conf.folder, environ)


def slurmd(conf: ClusterConf, environ: Mapping[str, str], node: str) -> Daemon:
    return Daemon(f"slurmd-{node}", ("slurmd", "-N", node, "-f", str(conf.slurm_conf)), conf.folder, environ)


def program_path(program: str) -> str:
    """Daemons lie in /usr/sbin, which not every PATH holds."""
    path = find_program(program)
    if path is None:
        raise FileNotFoundError(f"{program} is not installed: see missing_packages()")
    return path


def find_program(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def kill_jobs(conf: ClusterConf) -> int:
    """Kills the jobs of the cluster and the slurmstepd above them, which outlive a killed slurmd.

    Returns how many processes there were.
    """
    jobs = [pid for pid in pids_of(conf.slurm_conf) if _is_job(pid)]
    for pid in jobs:
        send_signal(pid, signal.SIGKILL)
    return len(jobs)


def _is_job(pid: int) -> bool:
    inside_job = any(entry.startswith("SLURM_JOB_ID=") for entry in environ_of(pid))
    return inside_job or _proc_text(pid, "comm").strip() in ("slurmstepd", "slurmscriptd")


def pids_of(slurm_conf: Path) -> list[int]:
    """All processes of the cluster with this configuration: daemons, jobs and what was started with its environment."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if f"SLURM_CONF={slurm_conf}" in environ_of(pid)]


def send_signal(pid: int, signal_number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended in between
        os.kill(pid, signal_number)


def environ_of(pid: int) -> list[str]:
    """Empty for a zombie too."""
    return _proc_text(pid, "environ").split("\0")


def _proc_text(pid: int, name: str) -> str:
    """Empty where the process has ended, or is not ours to look at."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    return ""


def accepts_connections(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0
