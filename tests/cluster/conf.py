"""The configuration files of a private SLURM cluster: slurm.conf, gres.conf, slurmdbd.conf, munge.key."""

import itertools
import os
import pwd
import random
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

# A socket's path holds 107 characters; the longest of ours is the one of a batch step.
MAX_FOLDER_LENGTH = 107 - len("/spool/node99/node99_1234567.4294967291")

# Below the ephemeral ports, so that no outgoing connection takes a port while its daemon is down.
PORTS = range(20_000, 32_000)

# A requeued job waits this long. SLURM's default is 120 s; 5 s is too short and drains the node.
CRED_EXPIRE_S = 15

FIXED_PARAMETERS = """
ClusterName=lab
AuthType=auth/munge
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
EnforcePartLimits=ALL
GresTypes=gpu
SlurmdParameters=config_overrides
ReturnToService=1
MpiDefault=none
SwitchType=switch/none
MailProg=/bin/true
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1,\
bf_resolution=60,default_queue_depth=1000
PriorityType=priority/basic
JobRequeue=1
MaxJobCount=10000
MinJobAge=300
KillWait=2
OverTimeLimit=0
SlurmdTimeout=10
SlurmctldTimeout=30
MessageTimeout=10
BatchStartTimeout=10
CompleteWait=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
"""

PARTITIONS = """
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefaultTime=10 PriorityTier=10 PreemptMode=OFF
PartitionName=preemptible Nodes=ALL PriorityTier=1 PreemptMode=REQUEUE GraceTime=0
PartitionName=grace Nodes=ALL PriorityTier=1 PreemptMode=REQUEUE GraceTime=15
"""

# config_overrides makes slurmd accept these instead of what the machine really has.
NODE_HARDWARE = "CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=16000"


@dataclass(frozen=True)
class ClusterConf:
    folder: Path
    nodes: int
    gpus_per_node: int
    accounting: bool
    max_array_size: int
    extra_conf: tuple[str, ...]
    ports: tuple[int, ...]  # of slurmctld, slurmdbd and each node

    @property
    def node_names(self) -> tuple[str, ...]:
        return tuple(f"node{index}" for index in range(1, self.nodes + 1))

    @property
    def slurm_conf(self) -> Path:
        return self.folder / "slurm.conf"

    @property
    def munge_socket(self) -> Path:
        return self.folder / "munge.sock"

    @property
    def mariadb_socket(self) -> Path:
        return self.folder / "mariadb.sock"

    @property
    def slurmctld_port(self) -> int:
        return self.ports[0]

    @property
    def slurmdbd_port(self) -> int:
        return self.ports[1]

    def write(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("dev", "log", "run", "spool", "state"):
            (self.folder / name).mkdir(exist_ok=True)
        for index in range(self.gpus_per_node):
            gpu = self.folder / "dev" / f"gpu{index}"
            gpu.unlink(missing_ok=True)
            gpu.symlink_to("/dev/null")  # SLURM insists on a device
        _write_private(self.folder / "munge.key", secrets.token_hex(64))
        _write_private(self.slurm_conf, slurm_conf(self))
        _write_private(self.folder / "gres.conf", gres_conf(self))
        _write_private(self.folder / "slurmdbd.conf", slurmdbd_conf(self))


def check_size(nodes: int, gpus_per_node: int) -> None:
    if not (1 <= nodes <= 99 and gpus_per_node >= 1):
        raise ValueError(f"{nodes} nodes of {gpus_per_node} GPUs: give 1 to 99 nodes of at least 1 GPU each")


def check_folder(folder: Path) -> None:
    length = len(str(folder))
    if length > MAX_FOLDER_LENGTH:
        limit = f"unix sockets leave {MAX_FOLDER_LENGTH} characters"
        raise ValueError(f"{folder} has {length} characters: {limit}, give a shorter folder")
    if not re.fullmatch(r"/[\w./-]*", str(folder)):
        raise ValueError(f"{folder}: give an absolute folder of letters, digits and the characters . / _ -")


def free_ports(count: int) -> tuple[int, ...]:
    candidates = random.SystemRandom().sample(PORTS, len(PORTS))  # whatever seed a test has set
    return tuple(itertools.islice(filter(_is_free, candidates), count))


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("", port))
        except OSError:
            return False
        return True


def current_user() -> str:
    """Asks the system, since HOME, USER and LOGNAME may be unset."""
    return pwd.getpwuid(os.getuid()).pw_name


def host() -> str:
    return socket.gethostname().split(".")[0]


def slurm_conf(conf: ClusterConf) -> str:
    fixed = [*FIXED_PARAMETERS.split(), *PARTITIONS.strip().splitlines()]
    lines = [*_place(conf), *_accounting(conf), *_nodes(conf), *fixed, *conf.extra_conf]
    last_about = {_subject(line): line for line in lines}
    return "\n".join(last_about.values()) + "\n"


def gres_conf(conf: ClusterConf) -> str:
    gpus = f"{conf.folder}/dev/gpu[0-{conf.gpus_per_node - 1}]"
    return f"NodeName={','.join(conf.node_names)} Name=gpu File={gpus}\n"


def slurmdbd_conf(conf: ClusterConf) -> str:
    lines = (
        "AuthType=auth/munge",
        f"AuthInfo=socket={conf.munge_socket}",
        f"DbdHost={host()}",
        "DbdAddr=127.0.0.1",
        f"DbdPort={conf.slurmdbd_port}",
        f"SlurmUser={current_user()}",
        f"PidFile={conf.folder}/run/slurmdbd.pid",
        f"LogFile={conf.folder}/log/slurmdbd.log",
        "StorageType=accounting_storage/mysql",
        "StorageHost=localhost",  # the socket that MYSQL_UNIX_PORT names
        f"StorageUser={current_user()}",
        "StorageLoc=slurm_acct_db",
    )
    return "\n".join(lines) + "\n"


def _place(conf: ClusterConf) -> list[str]:
    return [
        f"SlurmctldHost={host()}(127.0.0.1)",
        f"SlurmctldPort={conf.slurmctld_port}",
        f"SlurmUser={current_user()}",
        f"SlurmdUser={current_user()}",
        f"AuthInfo=socket={conf.munge_socket},cred_expire={CRED_EXPIRE_S}",
        f"StateSaveLocation={conf.folder}/state",
        f"SlurmdSpoolDir={conf.folder}/spool/%n",
        f"SlurmctldPidFile={conf.folder}/run/slurmctld.pid",
        f"SlurmdPidFile={conf.folder}/run/slurmd-%n.pid",
        f"SlurmctldLogFile={conf.folder}/log/slurmctld.log",
        f"SlurmdLogFile={conf.folder}/log/slurmd-%n.log",
        f"MaxArraySize={conf.max_array_size}",
    ]


def _accounting(conf: ClusterConf) -> list[str]:
    if not conf.accounting:
        return ["AccountingStorageType=accounting_storage/none"]
    return [
        "AccountingStorageType=accounting_storage/slurmdbd",
        "AccountingStorageHost=127.0.0.1",
        f"AccountingStoragePort={conf.slurmdbd_port}",
        f"AccountingStoragePass={conf.munge_socket}",
        "AccountingStorageEnforce=limits,qos",
        "AccountingStorageTRES=gres/gpu",
    ]


def _nodes(conf: ClusterConf) -> list[str]:
    address = f"NodeHostname={host()} NodeAddr=127.0.0.1"
    return [
        f"NodeName={name} {address} Port={port} {NODE_HARDWARE} Gres=gpu:{conf.gpus_per_node}"
        for name, port in zip(conf.node_names, conf.ports[2:], strict=True)
    ]


def _subject(line: str) -> str:
    """What a line is about: a parameter, or the node or partition that it defines."""
    parameter, equals, value = line.partition("=")
    if not (equals and value):
        raise ValueError(f"{line!r} is no line of slurm.conf: give Parameter=value")
    return line.split()[0] if parameter in ("NodeName", "PartitionName") else parameter


def _write_private(path: Path, text: str) -> None:
    """munged and slurmdbd refuse a file that others may read."""
    path.touch(mode=0o600)
    path.write_text(text)
