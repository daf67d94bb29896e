"""A private SLURM cluster on this machine: munged, slurmctld and one slurmd per node, under one folder.

Each node is a slurmd on 127.0.0.1 with fake GPUs (symlinks to /dev/null), so scheduling, requeues,
preemption and node failures are SLURM's own. Needs no systemd, no system munged and no root.
"""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.cluster import daemon as slurm_daemon
from tests.cluster.conf import ClusterConf, check_folder, check_size, current_user, free_ports
from tests.cluster.daemon import (
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    Daemon,
    accepts_connections,
    find_program,
    kill_jobs,
)
from tests.cluster.watcher import watch
from tests.waiting import wait_until

PACKAGE_WITH = {"slurmctld": "slurmctld", "slurmd": "slurmd", "srun": "slurm-client", "munged": "munge"}
ACCOUNTING_PACKAGE_WITH = {"slurmdbd": "slurmdbd", "mariadbd": "mariadb-server"}
MYSQL_PLUGIN = "*/slurm-wlm/accounting_storage_mysql.so"

COMMAND_TIMEOUT_S = 60.0
CANCEL_TIMEOUT_S = 5.0

# slurmctld saves its queue this often at most.
STATE_SAVE_S = 6.0

# Settings of a job, or for another cluster, that the tests themselves may run under.
CLIENT_SETTING = re.compile(r"(SLURM|SLURMD|SBATCH|SRUN|SALLOC|SQUEUE|SINFO|SACCT|SCANCEL|SCONTROL)_")
USABLE_STATE = re.compile(r"(IDLE|MIXED|ALLOCATED)(\+COMPLETING)?")


def missing_packages() -> list[str]:
    """The Debian packages to install before a cluster without accounting can start."""
    return _packages_of_missing(PACKAGE_WITH)


def missing_accounting_packages() -> list[str]:
    """The Debian packages to install before a cluster with accounting can start."""
    plugin = [] if any(Path("/usr/lib").glob(MYSQL_PLUGIN)) else ["slurm-wlm-mysql-plugin"]
    return missing_packages() + _packages_of_missing(ACCOUNTING_PACKAGE_WITH) + plugin


def _packages_of_missing(package_with: Mapping[str, str]) -> list[str]:
    return [package for program, package in package_with.items() if find_program(program) is None]


def accounting_available() -> bool:
    return not missing_accounting_packages()


def install_command(packages: Sequence[str]) -> str:
    return f"apt-get install -y --no-install-recommends {' '.join(packages)}"


class SlurmCluster:
    """Nodes node1, node2, ... with the partitions main (the default, which preempts), preemptible, grace.

    A line of `extra_conf` replaces the line of slurm.conf about the same parameter, node or partition.
    With accounting, the current user submits to the account lab unless a job names another. A stopped
    cluster can start again: job ids and accounting go on. It ends with the process that started it.
    """

    def __init__(
        self,
        folder: Path,
        nodes: int = 4,
        gpus_per_node: int = 4,
        accounting: bool = False,
        max_array_size: int = 1001,
        extra_conf: Sequence[str] = (),
    ) -> None:
        check_size(nodes, gpus_per_node)
        check_folder(folder.absolute())
        self.conf = ClusterConf(
            folder=folder.absolute(),
            nodes=nodes,
            gpus_per_node=gpus_per_node,
            accounting=accounting,
            max_array_size=max_array_size,
            extra_conf=tuple(extra_conf),
            ports=free_ports(nodes + 2),
        )
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def env(self) -> dict[str, str]:
        """What client commands need on top of os.environ; jobs inherit it and find this Python."""
        path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
        return {"SLURM_CONF": str(self.conf.slurm_conf), "PATH": path}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns once a job has run on all nodes at once; on an error, stops what it has started."""
        if any(daemon.is_alive() for daemon in self._daemons):
            raise RuntimeError(f"the cluster in {self.conf.folder} is running already: call stop() first")
        self.conf.write()
        self._forget_node_states()
        self._watcher = watch(self.conf.slurm_conf)
        try:
            self._start_daemons()
            self.run("srun", f"--nodes={self.conf.nodes}", "--time=1", "true")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Cancels all jobs and ends every daemon, frozen ones too; harmless where none is alive."""
        if self._slurmctld.is_alive():
            with contextlib.suppress(RuntimeError, TimeoutError):  # kill_jobs ends what is left
                self._slurmctld.thaw()
                self.cancel_all(CANCEL_TIMEOUT_S)
        for daemon in reversed(self._daemons):
            daemon.stop()
        wait_until(lambda: kill_jobs(self.conf) == 0, STOP_TIMEOUT_S, "no job alive")
        if self._watcher is not None:
            self._watcher.communicate(timeout=STOP_TIMEOUT_S)
            self._watcher = None

    def run(self, *command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> str:
        """Returns what a client command printed.

        Raises RuntimeError with its standard error where it fails, TimeoutError where it hangs.
        """
        shown = " ".join(command)
        try:
            done = subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"{shown}: no answer within {timeout_s:g} s") from error
        if done.returncode != 0:
            raise RuntimeError(f"{shown}: exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def requeue(self, job_id: str) -> None:
        """The job starts again after CRED_EXPIRE_S."""
        self.run("scontrol", "requeue", job_id)

    def wait_idle(self, timeout_s: float) -> None:
        wait_until(lambda: not self.run("squeue", "--noheader"), timeout_s, "queue empty")

    def cancel_all(self, timeout_s: float) -> None:
        self.run("scancel", f"--user={current_user()}", timeout_s=timeout_s)
        self.wait_idle(timeout_s)

    def node_state(self, name: str) -> str:
        """IDLE, MIXED, ALLOCATED, DOWN, ..., with flags such as +DRAIN or +NOT_RESPONDING."""
        shown = self.run("scontrol", "--oneliner", "show", "node", self._checked_node(name))
        return shown.split(" State=")[1].split()[0]

    def down_node(self, name: str) -> None:
        """SLURM requeues its jobs as after a node failure; its slurmd lives on and kills their processes."""
        node = f"NodeName={self._checked_node(name)}"
        self.run("scontrol", "update", node, "State=DOWN", "Reason=test")

    def resume_node(self, name: str) -> None:
        self.run("scontrol", "update", f"NodeName={self._checked_node(name)}", "State=RESUME")
        self._wait_usable(name)

    def kill_slurmd(self, name: str) -> None:
        """Its jobs run on, and are requeued all the same once slurmctld has noticed, half a minute later."""
        self._slurmd(name).kill()

    def start_slurmd(self, name: str) -> None:
        self._slurmd(name).start()
        self._wait_usable(name)

    def freeze_slurmctld(self) -> None:
        self._slurmctld.freeze()

    def thaw_slurmctld(self) -> None:
        self._slurmctld.thaw()

    def kill_slurmctld(self, after_save: bool = True) -> None:
        """Without `after_save`, as in a crash, the jobs and changes of the last STATE_SAVE_S are forgotten.

        Their job ids are then given again, which drains the nodes where they have run already.
        """
        if after_save:
            time.sleep(STATE_SAVE_S)
        self._slurmctld.kill()

    def start_slurmctld(self) -> None:
        self._slurmctld.start()
        self._wait_until(lambda: accepts_connections(self.conf.slurmctld_port), "slurmctld's port")

    @property
    def _environ(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not CLIENT_SETTING.match(name)}
        return inherited | self.env

    @property
    def _daemons(self) -> list[Daemon]:
        """In the order in which they start."""
        database = [self._mariadbd, self._slurmdbd] if self.conf.accounting else []
        return [self._munged, *database, self._slurmctld, *map(self._slurmd, self.conf.node_names)]

    @property
    def _munged(self) -> Daemon:
        return slurm_daemon.munged(self.conf, self._environ)

    @property
    def _mariadbd(self) -> Daemon:
        return slurm_daemon.mariadbd(self.conf, self._environ)

    @property
    def _slurmdbd(self) -> Daemon:
        return slurm_daemon.slurmdbd(self.conf, self._environ)

    @property
    def _slurmctld(self) -> Daemon:
        return slurm_daemon.slurmctld(self.conf, self._environ)

    def _slurmd(self, node: str) -> Daemon:
        return slurm_daemon.slurmd(self.conf, self._environ, self._checked_node(node))

    def _start_daemons(self) -> None:
        self._munged.start()
        if self.conf.accounting:
            self._start_accounting()
        self.start_slurmctld()
        for name in self.conf.node_names:
            self._slurmd(name).start()

    def _start_accounting(self) -> None:
        if not (self.conf.folder / "mariadb").exists():
            self._create_database()
        self._mariadbd.start()
        self._wait_until(self.conf.mariadb_socket.is_socket, "mariadbd's socket")
        self._slurmdbd.start()
        self._wait_until(lambda: accepts_connections(self.conf.slurmdbd_port), "slurmdbd's port")
        if not self.run("sacctmgr", "-nP", "show", "account", "lab"):
            self._create_account()

    def _create_database(self) -> None:
        options = slurm_daemon.database_options(self.conf)
        self.run("mariadb-install-db", *options, "--skip-test-db", "--skip-name-resolve")

    def _create_account(self) -> None:
        user = current_user()
        self.run("sacctmgr", "-i", "add", "cluster", "lab")
        self.run("sacctmgr", "-i", "add", "account", "lab", "Cluster=lab")
        self.run("sacctmgr", "-i", "add", "user", user, "Account=lab", "Cluster=lab")
        # root exists from the start, and its default account is root
        self.run("sacctmgr", "-i", "modify", "user", user, "set", "DefaultAccount=lab")

    def _wait_usable(self, name: str) -> None:
        def usable() -> bool:
            return USABLE_STATE.fullmatch(self.node_state(name)) is not None

        self._wait_until(usable, f"{name} usable")

    def _wait_until(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, START_TIMEOUT_S, f"{what} (logs in {self.conf.folder / 'log'})")

    def _forget_node_states(self) -> None:
        """Otherwise a node that was set DOWN or DRAIN would be so after a restart, too."""
        for path in (self.conf.folder / "state").glob("node_state*"):
            path.unlink()

    def _checked_node(self, name: str) -> str:
        if name not in self.conf.node_names:
            raise ValueError(f"no node {name!r}: the nodes are {', '.join(self.conf.node_names)}")
        return name
