"""What the cluster's configuration allows."""

import os
import re

from launchers.slurm.commands import ClusterUnavailable, Refused, run


def max_array_size() -> int:
    """Returns how many tasks one array may have: SLURM's MaxArraySize caps the index, which counts from 0."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", run("scontrol", "show", "config"), re.MULTILINE)
    return int(found.group(1)) if found else 1001


def max_submit(account: str | None) -> int | None:
    """Returns the user's MaxSubmitJobs, where there is accounting and it is set."""
    user = os.environ.get("USER") or str(os.getuid())
    where = [f"user={user}", *([f"account={account}"] if account else [])]
    try:
        listed = run("sacctmgr", "--noheader", "--parsable2", "show", "assoc", *where, "format=MaxSubmitJobs")
    except (Refused, ClusterUnavailable, FileNotFoundError):
        return None
    limits = [int(line) for line in listed.split() if line.isdigit()]
    return min(limits, default=None)
