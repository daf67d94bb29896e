"""Source files as what they compute: digests of syntax trees, and which modules a module brings with it.

Nothing is imported to find out: what runs in this process and what lies on disk may differ.
"""

import ast
import gc
import hashlib
import importlib.util
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sweep

TextOf = Callable[[str], str | None]  # the source of a module by its full name; None where it is none of ours


@dataclass(frozen=True)
class Source:
    """All that the text of one module amounts to."""

    digest: str  # of what it computes
    imports: tuple[str, ...]  # full names, of modules or of what is in them


class Sources:
    """Modules that import each other, each looked at once."""

    def __init__(self, text_of: TextOf) -> None:
        self._text_of = cache(text_of)

    def closure(self, entries: Collection[str], outside: tuple[str, ...] = ()) -> frozenset[str]:
        """Returns `entries` and every module that one of them imports, anywhere in it, with the packages around them.

        Looked into are the distributions that the entries are of, such as this one, and no library. Modules of the
        packages `outside` are left out, with what only they import, but for `entries` themselves. Raises
        `ModuleNotFoundError` on an entry that has no source.
        """
        found: set[str] = set()
        ours = tuple({entry.partition(".")[0] for entry in entries})
        waiting = [module for entry in entries for module in _with_packages(entry)]
        while waiting:
            module = waiting.pop()
            if module not in found:
                found.add(module)
                inside = (name for name in self._imports(module) if _is_in(name, ours) and not _is_in(name, outside))
                waiting += [name for name in inside if self._text_of(name) is not None]
        return frozenset(found)

    def fingerprint(self, modules: Iterable[str]) -> str:
        """Returns sha256 over what `modules` compute. Comments, docstrings, annotations and layout do not change it."""
        lines = (f"{module} {self._source(module).digest}" for module in sorted(modules))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _imports(self, module: str) -> Iterator[str]:
        """What `module` may import, and the packages around that; some names are of no module."""
        for name in self._source(module).imports:
            for absolute in _absolute(name, module):
                yield from _with_packages(absolute)

    def _source(self, module: str) -> Source:
        return source_of(self._text(module))

    def _text(self, module: str) -> str:
        text = self._text_of(module)
        if text is None:
            raise ModuleNotFoundError(f"{module}: no such module, and its code decides numbers", name=module)
        return text


def installed_text(module: str) -> str | None:
    """Returns `module` as this process would import it now, if it is in this package or in one that a user brought."""
    folder = _folder(module.partition(".")[0])
    if folder is None:
        return None
    path = folder.joinpath(*module.split(".")[1:])
    for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if file.is_file():
            return file.read_text()
    return None


@cache
def _folder(package: str) -> Path | None:
    if package == sweep.__name__:
        return Path(sweep.__file__).parent
    spec = importlib.util.find_spec(package)  # imports nothing
    file = Path(spec.origin) if spec and spec.origin else None
    return file and (file.parent if file.name == "__init__.py" else file.with_suffix(""))


@cache
def source_of(text: str) -> Source:
    """Raises SyntaxError."""
    with _no_collection():
        reading = _Reading()
        reading.read(ast.parse(text))
    return Source(hashlib.sha256(repr(reading.words).encode()).hexdigest(), tuple(dict.fromkeys(reading.imports)))


class _Reading:
    """A syntax tree as a list of words, the same for equal trees whichever version of Python parsed them.

    Left out is what computes nothing: empty fields, docstrings, annotations of functions, what type checkers alone
    see, and dunder names such as __all__ and __version__.
    """

    def __init__(self) -> None:
        self.words: list[str | int] = []
        self.imports: list[str] = []

    def read(self, node: object) -> None:
        if isinstance(node, list):
            kept = [each for each in node if not _is_idle(each)]
            self.words.append(len(kept))
            for each in kept:
                self.read(each)
        elif isinstance(node, ast.AST):
            self.words.append(type(node).__name__)
            self.imports += _imported(node)
            self._read_fields(node)
        else:
            self.words.append(repr(node))

    def _read_fields(self, node: ast.AST) -> None:
        unread = _ANNOTATIONS.get(type(node))
        for name in node._fields:
            value = getattr(node, name, None)
            if value is not None and value != [] and name != unread:
                self.words.append(name)
                self.read(value)


_ANNOTATIONS: dict[type, str] = {ast.arg: "annotation", ast.FunctionDef: "returns", ast.AsyncFunctionDef: "returns"}


def _is_idle(node: object) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=[]):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name.startswith("__") and name.endswith("__")
    return False


def _imported(node: ast.AST) -> list[str]:
    """Full names that `node` imports, modules or what is in them; relative ones begin with their dots."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            origin = f"{'.' * level}{module}." if module else "." * level
            return [f"{origin}{alias.name}" for alias in names]
        case ast.Call(func=ast.Name(id="import_module"), args=[ast.Constant(value=str(name)), *_]):
            return [name]
    return []


def _absolute(name: str, module: str) -> list[str]:
    """What `name` may be in `module`: a relative one depends on whether that is a package."""
    level = len(name) - len(name.lstrip("."))
    if not level:
        return [name]
    around = module.split(".")
    return [".".join([*around[: len(around) - up], name[level:]]) for up in (level, level - 1)]


def _with_packages(name: str) -> list[str]:
    """a, a.b and a.b.c of a.b.c: importing it runs all of them."""
    parts = name.split(".")
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def _is_in(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Looking for cycles among the nodes of a growing tree takes longer than growing it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
