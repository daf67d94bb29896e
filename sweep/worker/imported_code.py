"""The code that this process works with: fingerprinted when it is imported, whatever becomes of the files later."""

import dataclasses
from collections.abc import Sequence
from importlib import import_module

from sweep.config.parts import check_all_whole
from sweep.plan.code import Code
from sweep.plan.packs import Task
from sweep.plan.sources import Sources, installed_text

check_all_whole()  # before a pack is read: runs are unpickled by the order of all fields, those of such parts too


def with_own_code(tasks: Sequence[Task]) -> list[Task]:
    """Imports the code of `tasks`, and returns them with the fingerprints of what was imported.

    Says on standard output where that is not what was planned: the code was edited since.
    """
    sources = Sources(installed_text)
    codes = {entries: Code(entries, sources) for entries in {task.entries for task in tasks}}
    own = [dataclasses.replace(task, code=codes[task.entries].fingerprint) for task in tasks]
    for module in sorted({module for entries in codes for module in entries}):
        import_module(module)
    edited = sum(task.code != before.code for task, before in zip(own, tasks, strict=True))
    if edited:
        print(f"the code of {edited} of {len(tasks)} runs was edited since they were planned", flush=True)
    return own
