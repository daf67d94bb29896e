"""Where everything lies in a results directory. Every path in one is made here."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ResultsDir:
    """A results directory: tables, what runs leave besides their rows, and the sweeps."""

    path: Path

    def table(self, name: str) -> Path:
        """A link to the current generation of the shards of a table: rows, curves, measures, distortions."""
        return self.path / name

    @property
    def generations(self) -> Path:
        return self.path / ".generations"

    def compaction_lock(self, table: str) -> Path:
        return self.path / f".{table}.lock"

    def damaged(self, table: str, shard: str) -> Path:
        """The place for a shard that cannot be read."""
        return self.path / "damaged" / f"{table}-{shard}"

    def checkpoint(self, run_id: str) -> Path:
        """The checkpoint of an unfinished run."""
        return self.path / "checkpoints" / f"{run_id}.pt"

    def weights(self, run_id: str) -> Path:
        """The initial and the best weights of a run, with keep_weights=true."""
        return self.weights_folder / f"{run_id}.pt"

    @property
    def weights_folder(self) -> Path:
        """The folder of the weights of all runs."""
        return self.path / "weights"

    @property
    def cache(self) -> Path:
        """The folder of decoded and of corrupted images."""
        return self.path / "cache"

    @property
    def claims(self) -> Path:
        """The folder of who does which task now."""
        return self.path / "claims"

    @property
    def queue(self) -> Path:
        """SLURM's last answer about the tasks of the sweeps."""
        return self.path / ".queue.json"

    @property
    def queue_lock(self) -> Path:
        """Is there while somebody asks SLURM."""
        return self.path / ".queue.asking"

    @property
    def accepted_code(self) -> Path:
        """Older code that a user accepted as equal to a later one."""
        return self.path / "accepted_code.jsonl"

    def sweep(self, sweep_id: str) -> "SweepDir":
        return SweepDir(self.path / "sweeps" / sweep_id)

    def sweeps(self) -> list["SweepDir"]:
        """Returns the sweeps that have a plan, by id."""
        return [SweepDir(plan.parent) for plan in sorted(self.path.glob("sweeps/*/plan.parquet"))]

    def journals(self) -> list[Path]:
        """Returns the journals of all packs of all sweeps."""
        return sorted(self.path.glob("sweeps/*/journal/*.jsonl"))


@dataclass(frozen=True)
class SweepDir:
    """The folder of one sweep: its plan, what happened to its runs, and who works at it."""

    path: Path

    @property
    def sweep_id(self) -> str:
        return self.path.name

    @property
    def results(self) -> ResultsDir:
        return ResultsDir(self.path.parent.parent)

    @property
    def plan(self) -> Path:
        return self.path / "plan.parquet"

    def journal(self, pack_id: str) -> Path:
        return self.path / "journal" / f"{pack_id}.jsonl"

    def journals(self) -> list[Path]:
        """Returns the journals of all packs."""
        return sorted(self.path.glob("journal/*.jsonl"))

    @property
    def logs(self) -> Path:
        """The folder of the output of workers, and of the packs that they were given."""
        return self.path / "logs"

    def log(self, job_id: str) -> Path:
        """Returns the file of the output of the worker in this job of a scheduler, or of submitit on this machine."""
        return self.logs / f"{job_id}_0_log.out"

    @property
    def snapshots(self) -> Path:
        """The folder of copies of the code that workers import, with snapshot=true."""
        return self.path / "code"

    @property
    def lock(self) -> Path:
        """Held by the launcher that works at the sweep."""
        return self.path / "launcher.lock"

    @property
    def submissions(self) -> Path:
        """The ledger of packs that were handed to SLURM."""
        return self.path / "submissions.jsonl"

    @property
    def trials(self) -> Path:
        """The trials that an adaptive search asked for."""
        return self.path / "trials.jsonl"

    def prune_request(self, run_id: str) -> Path:
        """Is there where a search gave up a run."""
        return self.path / "stop" / run_id
