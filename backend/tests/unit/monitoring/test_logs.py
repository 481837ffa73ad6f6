"""What is written to the log: lines or JSON, ours and the libraries', without secrets."""

import json
import logging
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from app.monitoring.logs import configure_logging, show_problems_on_terminal


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    logger.remove()


def test_json_lines_hold_one_record_each(folder: Path) -> None:
    path = configure_logging(folder, "INFO", as_json=True)
    with logger.contextualize(request_id="abc"):
        logger.bind(symbol="AAPL").info("two\nlines {}", "{braces}")
    logger.warning("three")
    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert (first["level"], first["message"]) == ("INFO", "two\nlines {braces}")
    assert (first["request_id"], first["symbol"]) == ("abc", "AAPL")
    assert (second["level"], second["message"], second["request_id"]) == ("WARNING", "three", "-")


@pytest.mark.parametrize("as_json", [False, True])
def test_a_traceback_is_written_without_the_secret_in_its_message(
    folder: Path, as_json: bool
) -> None:
    path = configure_logging(folder, "INFO", as_json=as_json)
    try:
        int("password=hunter22 and {braces}")
    except ValueError:
        logger.exception("that failed")
    written = path.read_text(encoding="utf-8")
    assert "hunter22" not in written
    for kept in ("that failed", "Traceback (most recent call last)", "ValueError", "{braces}"):
        assert kept in written
    if as_json:
        assert "ValueError" in json.loads(written)["traceback"]


@pytest.mark.parametrize("name", ["uvicorn.error", "sqlalchemy.engine", "alembic.runtime"])
def test_what_libraries_log_goes_to_the_same_place(folder: Path, name: str) -> None:
    path = configure_logging(folder, "INFO")
    logging.getLogger(name).warning("cannot reach %s", "postgresql://u:hunter22@h/d")
    logging.getLogger(name).debug("nobody wants to know")
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert f"{name}:" in line
    assert line.endswith("cannot reach postgresql://u:***@h/d")


def test_a_file_is_rotated_at_ten_megabytes_and_zipped(folder: Path) -> None:
    path = configure_logging(folder, "INFO")
    for _ in range(600):
        logger.info("x" * 19_000)
    assert path.stat().st_size < 10_000_000
    assert len(list(folder.glob("app.*.log.zip"))) == 1


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """New files may be read by all unless their program asks for less."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_log_and_the_older_ones_are_their_owners_alone(folder: Path, usual_umask: None) -> None:
    path = configure_logging(folder, "INFO")
    logger.info("the first line")
    assert mode(path) == 0o600
    for _ in range(600):
        logger.info("x" * 19_000)
    (older,) = folder.glob("app.*.zip")
    assert {each.name: mode(each) for each in folder.iterdir()} == {
        "app.log": 0o600,
        older.name: 0o600,
    }
    with zipfile.ZipFile(older) as archive:
        (name,) = archive.namelist()
        assert f"{name}.zip" == older.name
        assert archive.read(name).splitlines()[0].endswith(b"the first line")


def test_a_log_that_is_there_keeps_its_mode_until_it_is_full(
    folder: Path, usual_umask: None
) -> None:
    (folder / "app.log").write_text("before\n")
    (folder / "app.log").chmod(0o640)
    path = configure_logging(folder, "INFO")
    logger.info("after")
    assert mode(path) == 0o640
    assert len(path.read_text().splitlines()) == 2
    for _ in range(600):
        logger.info("x" * 19_000)
    assert {mode(each) for each in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("as_json", [False, True])
def test_what_others_chose_makes_no_line_and_moves_no_cursor(folder: Path, as_json: bool) -> None:
    forged = "a\n2026-11-20 00:00:00.000 | INFO     | - | x:y:1 - forged\r\x1b[2J\x9b2J\u2028b"
    path = configure_logging(folder, "INFO", as_json=as_json)
    logger.info("{}", forged)
    logger.opt(exception=ValueError(forged)).error("{}", forged)
    written = path.read_text(encoding="utf-8")
    assert "\x1b" not in written
    lines = written.split("\n")
    assert sum(line.startswith("{" if as_json else "2026-11-20 00:00") for line in lines) == (
        2 if as_json else 0
    )
    assert (r"\x1b[2J\x9b2J\u2028b" in lines[0]) is not as_json


def test_a_problem_on_the_terminal_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(folder, "INFO")
    show_problems_on_terminal()
    logger.warning("{}", "a\nWARNING: forged\x1b[31m")
    assert capsys.readouterr().err == "WARNING: a\\nWARNING: forged\\x1b[31m\n"
