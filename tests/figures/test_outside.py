"""To add a figure: one file, here in a package outside of this one."""

from pathlib import Path

from sweep.results.rows import rows_store
from tests.conftest import tiny_run
from tests.outside.commands import run
from tests.outside.packages import FIGURE, package
from tests.rows_of import row_of


def test_a_figure_of_another_package_is_drawn(tmp_path: Path) -> None:
    parts, results_dir = package(tmp_path / "elsewhere", FIGURE), tmp_path / "results"
    for bits, seed, loss in ((2, 0, 1.0), (2, 1, 2.0), (32, 0, 0.25)):
        one = tiny_run(bits=bits, seed=seed)
        rows_store(results_dir).write(one.run_id, [row_of(one, test_loss=loss)])
    asked = ("figure=my_package.my_part", f"results_dir={results_dir}")
    done = run("sweep.figures", *asked, "bits=2", f"output={tmp_path / 'of two bits'}", parts=parts)
    assert done.returncode == 0, done.stderr
    written = [Path(line) for line in done.stdout.splitlines()]
    assert {path.name for path in written} == {"loss-by-bits.svg", "loss-by-bits.png"}
    drawing = next(path for path in written if path.suffix == ".svg").read_text()
    assert "<!-- 2 bits: 1.500 -->" in drawing, "of the runs that are selected"
    done = run("sweep.figures", *asked, parts=parts)
    assert "<!-- 2 bits: 1.500, 32 bits: 0.250 -->" in (results_dir / "figures" / "loss-by-bits.svg").read_text()
