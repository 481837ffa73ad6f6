"""Code of users: a module by its name, or a file of the strategies folder, imported.

Whatever goes wrong in it becomes one `ConfigurationError` that names the place and the line.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from traceback import extract_tb
from types import ModuleType

from app.core.exceptions import ConfigurationError

_PACKAGE = "user_strategies"
_read: dict[Path, tuple[str, ModuleType]] = {}
"""Per file, the hash of the source that was run and the module it became."""


def import_module(name: str) -> ModuleType:
    """The module of that name, imported once in a process.

    Raises:
        ConfigurationError: if it is not found, or if running it fails.
    """
    with _explaining(f"module {name}", name):
        return importlib.import_module(name)


def load_file(folder: Path, file: str) -> ModuleType:
    """The module that ``folder/file`` makes, run anew whenever its text has changed.

    Modules beside it can be imported. `folder` is made if it is not there.

    Raises:
        ConfigurationError: if there is no such file in the folder, or if running it fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ConfigurationError(f"{file} lies outside the strategies folder, {folder}")
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(_not_there(folder, file, error)) from error
    digest = sha256(source).hexdigest()
    known = _read.get(path)
    if known and known[0] == digest:
        return known[1]
    module = _module_of(folder, path, file)
    try:
        with _explaining(file):
            exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102  # as their config asks
    except ConfigurationError:
        del sys.modules[module.__name__]
        raise
    _read[path] = digest, module
    return module


def python_files(folder: Path) -> list[str]:
    """Paths of the Python files in a folder and below, private ones left out, sorted."""
    paths = (path.relative_to(folder) for path in folder.rglob("*.py"))
    return sorted(
        path.as_posix()
        for path in paths
        if not any(part.startswith(("_", ".")) for part in path.parts)
    )


def _module_of(folder: Path, path: Path, file: str) -> ModuleType:
    """An empty module for a file, registered, with the folder at the end of the search path."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()
    module = ModuleType(f"{_PACKAGE}.{file.removesuffix('.py').replace('/', '.')}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    return module


@contextmanager
def _explaining(place: str, module: str = "") -> Iterator[None]:
    """Make every error of a user's code into one that says where it arose."""
    try:
        yield
    except SyntaxError as error:
        text = f": {error.text.strip()}" if error.text else ""
        where = Path(error.filename or place).name
        raise ConfigurationError(
            f"{where}, line {error.lineno}: syntax error: {error.msg}{text}"
        ) from error
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        if isinstance(error, ModuleNotFoundError) and _is_part(error.name, module):
            raise ConfigurationError(
                f"module {error.name!r} is not found; put it beside the application, or its "
                "folder on PYTHONPATH"
            ) from error
        raise ConfigurationError(_failed(place, error)) from error


def _is_part(package: str | None, module: str) -> bool:
    return bool(package) and f"{module}.".startswith(f"{package}.")


def _failed(place: str, error: BaseException) -> str:
    """Which line of the user's code an error came from, as far down as it is still theirs."""
    frames = [frame for frame in extract_tb(error.__traceback__) if _is_users(frame.filename)]
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else place
    return f"{where}: {type(error).__name__} while importing: {error}"


def _is_users(file: str) -> bool:
    ours = str(Path(__file__).parents[1])
    return not (file.startswith((ours, "<", sys.prefix, sys.base_prefix)))


def _not_there(folder: Path, file: str, error: OSError) -> str:
    if not isinstance(error, FileNotFoundError):
        return f"{folder / file} cannot be read: {error.strerror}"
    files = python_files(folder)
    close = get_close_matches(file, files, 1)
    hint = f"; did you mean {close[0]}?" if close else "."
    there = f"has {', '.join(files)}" if files else "is empty"
    return f"there is no file {file} in {folder}{hint} The folder {there}"
