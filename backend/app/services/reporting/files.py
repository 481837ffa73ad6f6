"""Files of a run, each written whole: a reader finds the old one or the new one, never half."""

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

import polars as pl

from app.core.exceptions import TradingError

_TIMES = "%Y-%m-%dT%H:%M:%S%.f%:z"


def write_atomically(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a file beside `path`, then put it in place in one step.

    Raises:
        TradingError: if the folder cannot be written to, naming the file and the reason.
    """
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(beside)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise TradingError(
            f"{path} cannot be written ({error.strerror or error}); "
            "free space or choose another folder"
        ) from error
    return path


def write_text(path: Path, text: str) -> Path:
    """Write `text` as UTF-8."""
    return write_atomically(path, lambda target: target.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: object) -> Path:
    """Write `value` as indented JSON; NaN and infinity, which JSON lacks, become null."""
    text = json.dumps(finite(value), indent=2, default=str, ensure_ascii=False, allow_nan=False)
    return write_text(path, text + "\n")


def write_csv(path: Path, frame: pl.DataFrame) -> Path:
    """Write `frame` with ISO times that carry their offset; undefined values are empty."""
    tidy = frame.with_columns(pl.col(pl.Float64).fill_nan(None))
    return write_atomically(path, lambda target: tidy.write_csv(target, datetime_format=_TIMES))


def write_parquet(path: Path, frame: pl.DataFrame) -> Path:
    """Write `frame` as zstd-compressed Parquet."""
    return write_atomically(path, frame.write_parquet)


def write_run_folder(
    folder: Path,
    *,
    report: str,
    frames: Mapping[str, pl.DataFrame],
    documents: Mapping[str, object],
) -> dict[str, Path]:
    """Write what a run leaves: ``report.html``, each frame as CSV and Parquet, JSON documents.

    Returns the path of every file by its name, such as ``trades.csv``.
    """
    paths = [write_text(folder / "report.html", report)]
    for name, frame in frames.items():
        paths.append(write_csv(folder / f"{name}.csv", frame))
        paths.append(write_parquet(folder / f"{name}.parquet", frame))
    paths.extend(write_json(folder / f"{name}.json", value) for name, value in documents.items())
    return {path.name: path for path in paths}


def keep_beside(source: Path, target: Path) -> Path:
    """Let `target` be what `source` is now, even when `source` is replaced later.

    Both are one file on the disk where that is possible, else two.
    """

    def link(beside: Path) -> None:
        try:
            os.link(source, beside)
        except OSError:
            shutil.copyfile(source, beside)

    return write_atomically(target, link)


def finite(value: object) -> object:
    """The same value with None for every number that is NaN or infinite, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return value
