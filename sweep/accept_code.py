"""`python -m sweep.accept_code results_dir=DIR [code=OLD]`: which code made the rows; takes older code for today's.

With code= it shows which runs would no longer be stale; with confirm=true it records that. See docs/code.md.
"""

import sys
from collections.abc import Sequence

from rich.table import Table

from sweep.commands.arguments import Arguments, Command, Key, Section, text
from sweep.commands.fingerprints import RowsOfCode, of_code, rows_by_code
from sweep.commands.keys import RESULTS_DIR
from sweep.commands.trained import shown_ids
from sweep.config.checks import ConfigError
from sweep.results.accepted import record_acceptance
from sweep.results.paths import ResultsDir
from sweep.results.schema import TABLE_OF
from sweep.terminal import render, shell_command

CODE = Key("code", "fingerprint of the older code, or its first characters; left out: all are listed", text)
CONFIRM = Key("confirm", "true records it", lambda _, value: value == "true", "false", choices=("true", "false"))
REASON = Key("reason", "why the older code gives the numbers of today's, recorded with it", text)
DATA_SOURCE = Key("data_source", "the loader of images of your own, as in training", text)
COMMAND = Command(
    "sweep.accept_code", __doc__, (Section("Options", (RESULTS_DIR, CODE, CONFIRM, REASON, DATA_SOURCE)),)
)


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    found = rows_by_code(arguments[RESULTS_DIR], arguments[DATA_SOURCE])
    if arguments[CODE]:
        accept(of_code(found, arguments[CODE]), arguments)
    elif arguments[CONFIRM]:
        raise ConfigError("confirm=true: give code, the fingerprint of the older code")
    else:
        print(listed(found))


def listed(found: Sequence[RowsOfCode]) -> str:
    """Every fingerprint with its rows: how many have it today, were accepted, are stale."""
    table = Table("code", "work", "rows", "today's", "accepted", "stale")
    for each in found:
        stale = len(each.stale)
        counts = (len(each.rows), each.todays, len(each.rows) - each.todays - stale, stale)
        table.add_row(each.fingerprint[:12], TABLE_OF[each.kind].past, *map(str, counts))
    return render(table)


def accept(chosen: Sequence[RowsOfCode], arguments: Arguments) -> None:
    """Shows what is stale of `chosen` and, with confirm=true, records that it counts as made by today's code."""
    stale = [each for each in chosen if each.stale]
    if not stale:
        print("nothing to accept: no row of this code is stale")
        return
    print("\n".join(map(told, stale)))
    if not arguments[CONFIRM]:
        print("to record it:", shell_command(COMMAND.module, **{**arguments.texts, "confirm": "true"}))
        return
    for each in stale:
        record_acceptance(arguments[RESULTS_DIR], each.acceptance(arguments[REASON]))
    print(f"recorded in {ResultsDir(arguments[RESULTS_DIR]).accepted_code}; stale again when that code is edited")


def told(each: RowsOfCode) -> str:
    run_ids = list(dict.fromkeys(run_id for run_id, _ in each.stale))
    new = ", ".join(fingerprint[:12] for fingerprint in each.new)
    return (
        f"{len(each.stale)} rows {TABLE_OF[each.kind].past} by {each.fingerprint[:12]}, of {shown_ids(run_ids)}: as if "
        f"by today's code ({new})"
    )


if __name__ == "__main__":
    main()
