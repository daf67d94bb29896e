"""What a part from outside must be: checked when it is found, before any time is spent with it."""

import ast
import inspect
import keyword
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from sweep.config import outside
from sweep.config.checks import ConfigError

_TYPES = (int, float, str, bool, tuple[int, ...], tuple[float, ...])


def check_hyperparameter(own: Any, required: object) -> None:
    """Raises `ConfigError` where a hyperparameter is not declared whole; `required` is the neutral value of none."""
    if not own.name.isidentifier() or keyword.iskeyword(own.name):
        raise ConfigError(f"hyperparameter {own.name!r}: a name of letters, digits and underscores is needed")
    if own.type not in _TYPES:
        raise ConfigError(
            f"{own.name} has the type {own.type}: allowed are int, float, str, bool, tuple[int, ...], tuple[float, ...]"
        )
    is_number = own.type not in (str, bool)
    if own.parse is None and is_number and own.low is None and own.high is None:
        raise ConfigError(f"{own.name} has no range: give low, high or both, or parse")
    if own.parse is None and own.type is str and not own.choices:
        raise ConfigError(f"{own.name} has no choices: give choices, or parse")
    if own.neutral is not required:
        _check_neutral(own)


def _check_neutral(own: Any) -> None:
    try:
        own.check(own.neutral)
    except ConfigError as error:
        raise ConfigError(f"the neutral value of {own.name} is none that it allows: {error}") from None


def check_code(module: str, beside: str, signatures: Iterable[str]) -> None:
    """Raises `ConfigError` where `module` does not define functions that can be called as `signatures`.

    A signature is `name(argument, argument)`, called with arguments in that order. Imports nothing. `beside` is the
    module that declares the part.
    """
    needed = ", ".join(signatures)
    spec = outside.spec_of(module)
    if spec is None or spec.origin is None:
        name = module.removeprefix(f"{beside}.")
        raise ConfigError(f"there is no {module}: a file {name}.py with {needed} is needed beside the description")
    if spec.origin.endswith(".py"):
        tree = _parsed(Path(spec.origin))
        for signature in signatures:
            _check_function(tree, signature, spec.origin)


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(), str(file))
    except SyntaxError as error:
        raise ConfigError(f"its code cannot be read: {outside.in_a_line(error)}") from None


def _check_function(tree: ast.Module, signature: str, file: str) -> None:
    name, _, arguments = signature.rstrip(")").partition("(")
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    if not functions and name not in _bound(tree):
        raise ConfigError(f"{file} has no {signature}, which is called")
    for function in functions:
        if not _takes(function.args, len(arguments.split(","))):
            taken = ast.unparse(function.args)
            raise ConfigError(f"{name}({taken}) is called as {signature} ({file}:{function.lineno})")


def _takes(of: ast.arguments, count: int) -> bool:
    """Whether a function can be called with so many arguments by position."""
    positional = len(of.posonlyargs) + len(of.args)
    enough = positional >= count or of.vararg is not None
    return enough and positional - len(of.defaults) <= count and None not in of.kw_defaults


def check_methods(part: Any) -> None:
    """Raises `ConfigError` where a method of `part` cannot be called as the one of ours that it overrides."""
    package = __name__.partition(".")[0]
    ours = next(each for each in type(part).__mro__ if each.__module__.partition(".")[0] == package)
    declared = {field.name for field in fields(ours)}
    for name, method in inspect.getmembers(ours, inspect.isfunction):
        if name not in declared and not name.startswith("__"):
            _check_method(part, name, list(inspect.signature(method).parameters)[1:])


def _check_method(part: Any, name: str, arguments: Sequence[str]) -> None:
    own = getattr(part, name)
    try:
        inspect.signature(own).bind(*arguments)
    except TypeError as error:
        code = getattr(own, "__code__", None)
        where = f" ({code.co_filename}:{code.co_firstlineno})" if code else ""
        raise ConfigError(f"{name} is called as {name}({', '.join(arguments)}): {error}{where}") from None


def _bound(tree: ast.Module) -> set[str]:
    """Names that the module has besides its functions: imported or assigned ones."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.add(node.name)
    return found
