"""The script of a task, as submitit writes it: how its shell is set up, and how its worker starts."""

import shlex
from collections.abc import Sequence

import submitit

SETUP = "qsweep setup"  # with which lines of the log begin that tell how the setup goes


class TaskExecutor(submitit.SlurmExecutor):
    """Submits tasks that begin with `launchers.start`."""

    @property
    def _submitit_command_str(self) -> str:
        return f"{self.python} -u -m launchers.start {shlex.quote(str(self.folder))}"


def setup_script(lines: Sequence[str]) -> list[str]:
    """Returns shell that evaluates `lines` one after another, and ends the task at one that fails.

    Each is named in the log before and after: one that says `exit` is the last that is named.
    """
    return [part for number, line in enumerate(lines, 1) for part in _checked(line, f"{number} of {len(lines)}")]


def _checked(line: str, number: str) -> list[str]:
    begins = shlex.quote(f"{SETUP} {number}: {line}")
    return [
        f"echo {begins}",
        f"eval {shlex.quote(line)}",
        f'qsweep_code=$?; [ $qsweep_code = 0 ] || {{ echo {begins} "failed with exit code $qsweep_code"; '
        f"exit $qsweep_code; }}",
    ]
