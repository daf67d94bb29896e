"""`python -m sweep.report results_dir=results output=report.html bits=2,32 ...`: one HTML file about these runs."""

import datetime
import shlex
import sys
from pathlib import Path

from sweep.commands.cli import parse_arguments, run_command
from sweep.config.run import RUN_FIELDS
from sweep.report.contents import Contents, read_contents
from sweep.report.flatness import measured_values
from sweep.report.page import render
from sweep.report.sections import sections

ARGUMENTS = {"results_dir": "results", "sweep": "", "output": "", "title": ""}


def main() -> None:
    given = parse_arguments(sys.argv[1:], ARGUMENTS | dict.fromkeys(RUN_FIELDS, ""))
    contents = read_contents(Path(given["results_dir"]), given["sweep"], given)
    output = Path(given["output"] or Path(given["results_dir"]) / "report.html")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(report(contents, given["title"]), encoding="utf-8")
    print(f"{output}: {len(contents.runs)} runs, {output.stat().st_size / 1e6:.1f} MB")


def report(contents: Contents, title: str = "") -> str:
    """The HTML of the report."""
    datasets = ", ".join(sorted(contents.runs["dataset"].unique()))
    tables = {} if contents.measures.empty else {"measures": measured_values(contents)}
    return render(title or f"Quantization sweep on {datasets}", _lead(contents), contents, sections(contents), tables)


def _lead(contents: Contents) -> list[str]:
    runs = contents.runs
    ended = runs["status"].notna()
    command = shlex.join(["python", "-m", "sweep.report", *sys.argv[1:]])
    return [
        f"{int(ended.sum())} of {len(runs)} runs have ended; {int((runs['status'] == 'finished').sum())} finished.",
        f"Made {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC by: {command}",
    ]


if __name__ == "__main__":
    run_command(main)
