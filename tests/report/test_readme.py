"""The README's tables of parts."""

from sweep.report import readme


def test_the_readme_has_the_tables_of_today() -> None:
    text = readme.README.read_text()
    assert readme.renewed(text) == text, "python -m sweep.report.readme renews it"


def test_a_table_of_the_readme_says_where_it_is_printed_and_of_which_runs_it_is() -> None:
    line = "| `3` | QGen Table 3 | The eight PAC-Bayes and sharpness measures. | measured |"
    assert line in readme.TABLES["tables"]().splitlines()
