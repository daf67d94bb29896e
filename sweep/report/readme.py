"""Tables of the README that are made of what parts declare: `python -m sweep.report.readme` renews them."""

from collections.abc import Callable, Iterable

from sweep import PROJECT
from sweep.config.datasets import data_sets
from sweep.config.networks import networks
from sweep.config.part_classes import Optimizer, Quantizer, Rule, Schedule
from sweep.config.parts import Hyperparameter, Part, parts_of
from sweep.figures.figure import Figure
from sweep.tables.made_of_rows import DONE, MadeOfRows
from sweep.tables.table import Table

README = PROJECT / "README.md"


def quantizer_table() -> str:
    lines = [
        f"| `{q.name}` | {_quantized(q)} | {q.meaning} | {_names(q.reads)} |" for q in parts_of(Quantizer).values()
    ]
    head = ["| quantizer | of | what it is | hyperparameters of its own |", "|---|---|---|---|"]
    return "\n".join([*head, *lines])


def _quantized(quantizer: Quantizer) -> str:
    of = {"weights": quantizer.weights, "activations": quantizer.activations}
    return ", ".join(name for name, reads in of.items() if reads is not None)


def table_of(part_class: type[Part], title: str) -> str:
    lines = [f"| `{p.name}` | {p.meaning} | {_names(p.reads)} |" for p in parts_of(part_class).values()]
    return "\n".join([f"| {part_class.key} | {title} | hyperparameters of its own |", "|---|---|---|", *lines])


def _names(hyperparameters: Iterable[Hyperparameter]) -> str:
    return ", ".join(f"`{own.name}`" for own in hyperparameters)


def network_table() -> str:
    lines = [
        f"| `{n.name}` | {n.meaning} | {n.images_in_words()} | {_names(n.reads)} | {_printed(n)} |"
        for n in networks().values()
    ]
    return "\n".join(["| model | what it is | images | sizes | in papers |", "|---|---|---|---|---|", *lines])


def data_set_table() -> str:
    lines = [f"| `{d.name}` | {d.meaning} | {d.needs} | {_printed(d)} |" for d in data_sets().values()]
    return "\n".join(["| dataset | what it is | needs | in papers |", "|---|---|---|---|", *lines])


def _printed(part: Part) -> str:
    return part.printed[0] if part.printed else ""


def table_of_made_of_rows(part_class: type[MadeOfRows]) -> str:
    """Returns a table of the tables or figures that there are."""
    lines = [f"| `{p.name}` | {p.paper} | {p.meaning} | {DONE[p.kind]} |" for p in parts_of(part_class).values()]
    return "\n".join(
        [f"| {part_class.key} | in papers | what it is | of runs that were |", "|---|---|---|---|", *lines]
    )


TABLES: dict[str, Callable[[], str]] = {
    "data sets": data_set_table,
    "networks": network_table,
    "quantizers": quantizer_table,
    "rules": lambda: table_of(Rule, "step along"),
    "optimizers": lambda: table_of(Optimizer, "what it is"),
    "schedules": lambda: table_of(Schedule, "how the learning rate falls"),
    "tables": lambda: table_of_made_of_rows(Table),
    "figures": lambda: table_of_made_of_rows(Figure),
}


def renewed(text: str) -> str:
    """Returns `text` with the table of each name anew between `<!-- NAME -->` and `<!-- end NAME -->`."""
    for name, table in TABLES.items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- end {name} -->"
        before, found, rest = text.partition(start)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise ValueError(f"the README needs a place for the table of {name}: {start.strip()} and {end.strip()}")
        text = f"{before}{start}{table()}{end}{after}"
    return text


if __name__ == "__main__":
    README.write_text(renewed(README.read_text()))
