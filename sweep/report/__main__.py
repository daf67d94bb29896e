"""`python -m sweep.report results_dir=results output=report.html bits=2,32 ...`: one HTML file about these runs."""

import datetime
import sys
from pathlib import Path

from sweep.commands.arguments import Command, Key, Section, text
from sweep.commands.keys import RESULTS_DIR, SELECTION, selection_of
from sweep.config.datasets import printed_name
from sweep.report.contents import Contents, read_contents
from sweep.report.flatness import measured_values
from sweep.report.page import render
from sweep.report.sections import sections

OUTPUT = Key("output", "the file; left out: report.html in the results directory", text)
TITLE = Key("title", "of the report; left out: one with the data sets", text)
COMMAND = Command("sweep.report", __doc__, (Section("Options", (RESULTS_DIR, OUTPUT, TITLE)), SELECTION))


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    contents = read_contents(arguments[RESULTS_DIR], selection_of(arguments))
    output = Path(arguments[OUTPUT] or arguments[RESULTS_DIR] / "report.html")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(report(contents, arguments.shell_command(), arguments[TITLE]), encoding="utf-8")
    print(f"{output}: {len(contents.runs)} runs, {output.stat().st_size / 1e6:.1f} MB")


def report(contents: Contents, command: str, title: str = "") -> str:
    """The HTML of the report; `command` is what makes it."""
    datasets = ", ".join(sorted({printed_name(name) for name in contents.runs["dataset"]}))
    tables = {} if contents.measures.empty else {"measures": measured_values(contents)}
    return render(
        title or f"Quantization sweep on {datasets}", _lead(contents, command), contents, sections(contents), tables
    )


def _lead(contents: Contents, command: str) -> list[str]:
    runs = contents.runs
    ended = runs["status"].notna()
    return [
        f"{int(ended.sum())} of {len(runs)} runs have ended; {int((runs['status'] == 'finished').sum())} finished.",
        f"Made {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC by: {command}",
    ]


if __name__ == "__main__":
    main()
