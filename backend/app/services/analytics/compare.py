"""Two runs side by side: configs, figures, and the first order, fill or bar that differs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from app.core.exceptions import DataError, DataNotFoundError
from app.core.run_record import RunRecord
from app.services.analytics.definitions import METRICS
from app.services.analytics.frame_diff import FrameComparison, compare_frames, read_table

TABLES: Final = {"orders": "orders", "fills": "fills", "bars": "validation"}
"""What is compared of two runs, and the name of its file in their folders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSide:
    """One of two runs: its record, the folder it left, or the ``metrics.json`` of one.

    `config` is empty and `folder` None where they are not known.
    """

    name: str
    config: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    order_hash: str
    data_fingerprint: str
    code_version: str
    folder: Path | None

    @classmethod
    def of_record(cls, record: RunRecord) -> Self:
        """A run as it is in the record."""
        folder = Path(record.folder)
        return cls(
            name=f"{record.session_name} {str(record.id)[:8]}",
            config=record.config,
            metrics=record.metrics,
            order_hash=record.order_hash,
            data_fingerprint=record.data_fingerprint,
            code_version=record.code_version,
            folder=folder if folder.is_dir() else None,
        )

    @classmethod
    def of_path(cls, path: Path) -> Self:
        """A run from its folder, or from its ``metrics.json`` alone.

        Raises:
            DataNotFoundError: there is nothing at `path`, or no ``metrics.json`` in it.
            DataError: the file does not hold the figures of a run.
        """
        is_folder = path.is_dir()
        facts = _json(path / "metrics.json" if is_folder else path)
        config = path / "config.json"
        metrics = facts.get("metrics")
        if not isinstance(metrics, dict):
            raise DataError(f"{path} holds no figures of a run: give its folder or metrics.json")
        return cls(
            name=path.name,
            config=_json(config) if is_folder and config.is_file() else {},
            metrics=metrics,
            order_hash=str(facts.get("order_hash", "")),
            data_fingerprint=str(facts.get("data_fingerprint", "")),
            code_version=str(facts.get("code_version", "")),
            folder=path if is_folder else None,
        )

    def table(self, name: str) -> Path | None:
        """The file of one of `TABLES`, if this run has it."""
        if self.folder is None:
            return None
        stem = TABLES[name]
        files = (self.folder / f"{stem}.parquet", self.folder / f"{stem}.csv")
        return next((path for path in files if path.is_file()), None)


@dataclass(frozen=True, slots=True)
class SettingDifference:
    """A setting that differs, by its path in the config; None where it was left out."""

    path: str
    a: object
    b: object


@dataclass(frozen=True, slots=True)
class FigureDifference:
    """A figure of both runs; `delta` is b less a, None where either is undefined."""

    key: str
    a: float | None
    b: float | None
    delta: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Two runs side by side.

    `settings` has those that differ, `figures` all that both have, `tables` what was compared
    row by row: orders, fills and bars, as far as both runs left them.
    """

    a: RunSide
    b: RunSide
    settings: tuple[SettingDifference, ...]
    figures: tuple[FigureDifference, ...]
    tables: Mapping[str, FrameComparison]

    @property
    def missing(self) -> Mapping[str, str]:
        """What was not compared row by row, and of whom the file is not there: A, B or both."""
        return {
            name: " and ".join(
                side for side, run in (("A", self.a), ("B", self.b)) if run.table(name) is None
            )
            for name in TABLES
            if name not in self.tables
        }

    @property
    def same_orders(self) -> bool:
        """Whether every order and fill was the same, to the bit."""
        return self.a.order_hash == self.b.order_hash

    @property
    def same_data(self) -> bool:
        """Whether both traded on the same bars."""
        return self.a.data_fingerprint == self.b.data_fingerprint


def compare_runs(a: RunSide, b: RunSide, *, tolerance: float = 0.0) -> RunComparison:
    """Compare two runs; numbers in tables may differ by `tolerance`."""
    settings = tuple(_settings(a.config, b.config)) if a.config and b.config else ()
    return RunComparison(
        a=a,
        b=b,
        settings=settings,
        figures=tuple(_figures(a.metrics, b.metrics)),
        tables=dict(_tables(a, b, tolerance)),
    )


def compare_files(a: Path, b: Path, *, tolerance: float = 0.0) -> FrameComparison:
    """Compare two per-bar files, CSV or Parquet; a run's folder stands for the one in it.

    Raises:
        DataNotFoundError: there is no such file, or none in the folder.
        DataError: it is no table.
    """
    frames = [read_table(_validation_file(path)) for path in (a, b)]
    return compare_frames(*frames, tolerance=tolerance)


def _validation_file(path: Path) -> Path:
    return path / f"{TABLES['bars']}.csv" if path.is_dir() else path


def _tables(a: RunSide, b: RunSide, tolerance: float) -> Iterator[tuple[str, FrameComparison]]:
    for name in TABLES:
        files = a.table(name), b.table(name)
        if files[0] and files[1]:
            frames = read_table(files[0]), read_table(files[1])
            yield name, compare_frames(*frames, tolerance=tolerance)


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[SettingDifference]:
    left, right = dict(_flat(a)), dict(_flat(b))
    for path in dict.fromkeys((*left, *right)):
        if left.get(path) != right.get(path):
            yield SettingDifference(path, left.get(path), right.get(path))


def _flat(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every leaf of a config by its path; a list of plain values is one leaf."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{number}]")
    else:
        yield path, list(value) if isinstance(value, tuple) else value


def _figures(
    a: Mapping[str, float | None], b: Mapping[str, float | None]
) -> Iterator[FigureDifference]:
    for metric in METRICS:
        if metric.key in a and metric.key in b:
            left, right = a[metric.key], b[metric.key]
            delta = None if left is None or right is None else right - left
            yield FigureDifference(metric.key, left, right, delta)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataNotFoundError(
            f"there is no run at {path}: give an id of `run list`, a run's folder, or the "
            "metrics.json of one"
        ) from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as the JSON a run leaves: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} is not what a run leaves: a list, not a section")
    return value
