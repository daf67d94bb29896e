"""Command lines that Hydra's grammar cannot read: the argument is named, and how to type it."""

import pytest

from sweep import run
from sweep.config.checks import ConfigError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bits=2,", "4"], "bits=2, ends with a comma: values have no blanks between them: bits=2,..."),
        (["lr=0.1,0.01,"], "lr=0.1,0.01, ends with a comma: values have no blanks between them: lr=0.1,0.01,..."),
        (["bits=2", "4"], "4: KEY=VALUE is needed; values of one key have no blanks between them: bits=2,4"),
        (["model=a=b"], "model=a=b: Hydra cannot read the value; as a text, quoted for Hydra and the shell: 'model="),
        (["bits=[2"], "bits=[2: Hydra cannot read the value"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_to_type(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        run.COMMAND.for_hydra(["-m", *words])
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("path", ["/tmp/a=b", "/tmp/übung", "/tmp/a b=c", '/tmp/"quoted"='])
def test_paths_need_no_quotes(path: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (word,) = run.COMMAND.for_hydra([f"results_dir={path}"])
    assert OverridesParser.create().parse_override(word).value() == path


@pytest.mark.parametrize(
    "words",
    [["-m", "bits=2,4"], ["--cfg", "job"], ["--multirun", "lr=choice(0.1,0.2)"], ["full_precision.lr=0.1"],
     ["milestones=[1,2]"], ["results_dir='a b'"], ["~study"], ["optimizer="]],
)  # fmt: skip
def test_what_can_be_read_stays(words: list[str]) -> None:
    expected = [word.replace("full_", "++full_") for word in words]
    assert run.COMMAND.for_hydra(words) == expected
