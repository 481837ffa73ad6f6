"""Completion: what is offered for a line, and what stands under it."""

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from app.cli.catalogue import commands
from app.cli.registry import COMMANDS
from app.cli.shell import values
from app.cli.shell.completion import CommandCompleter, candidates, words_before
from app.cli.shell.hints import NOTHING_TYPED, fitted, hint
from app.config.settings import get_settings


@pytest.fixture(autouse=True)
def known_values(monkeypatch):
    """Stored symbols, configs, strategies and runs, without a store."""
    for name, found in {
        "symbol": [("ALPHA", "synthetic"), ("BRK B", "minute bars")],
        "symbols": [("ALPHA", ""), ("BETA", "")],
        "config": [("one", ""), ("two", "")],
        "what": [("one", ""), ("two", "")],
        "strategy": [("sma_cross", ""), ("rsi_reversion", "")],
    }.items():
        monkeypatch.setitem(values.SOURCES, name, lambda found=found: iter(found))
    runs = [("4d805789", "example_session")]
    monkeypatch.setitem(values.SOURCES, "run_id", lambda: iter(runs))
    monkeypatch.setattr(values, "_runs", lambda: iter(runs))


def offered(line: str) -> list[str]:
    words, typed, _ = words_before(line)
    return [text for text, _ in candidates(words, typed)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("da", ["data"]),
        ("DA", ["data"]),
        ("data q", ["quality"]),
        ("data nope ", []),
        ("nope ", []),
        ("data quality a", ["ALPHA"]),
        ("data quality ALPHA A", []),
        ("data quality ALPHA --f", ["--from"]),
        ("data quality ALPHA --from 2024-01-02 --f", []),
        ("data quality ALPHA --exchange c", ["CRYPTO"]),
        ("data quality ALPHA --exchange=c", ["--exchange=CRYPTO"]),
        ("data quality --exchange CRYPTO AL", ["ALPHA"]),
        ("data validate ALPHA ", ["BETA"]),
        ("data export ALPHA x.csv --interval 1", ["1m", "15m", "1h", "1d", "1w"]),
        ("system start t", ["two"]),
        ("run honesty t", ["two"]),
        ("strategy show r", ["rsi_reversion"]),
        ("run show 4", ["4d805789"]),
        ("run compare 4", ["4d805789"]),
        ("admin log-level w", ["WARNING"]),
        ("help da", ["data"]),
        ("help data valid", ["validate"]),
        ("help data list ", []),
        ("ex", ["exit"]),
    ],
)
def test_what_is_offered(line, expected):
    found = [text for text in offered(line) if not (line.endswith(" ") and text.startswith("-"))]
    assert found == expected


def test_nothing_typed_offers_every_namespace_and_the_way_out():
    assert set(offered("")) == {*COMMANDS, "exit", "clear"}


def test_every_command_and_every_option_is_offered():
    for command in commands():
        assert command.words[-1] in offered(" ".join(command.words[:-1]) + " ")
        for option in command.options:
            assert set(option.flags) <= set(offered(f"{command.name} --"))


def test_files_are_offered_for_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bars.csv").touch()
    (tmp_path / "bulk").mkdir()
    (tmp_path / ".hidden").touch()
    assert offered("data import-csv b") == ["bars.csv", "bulk/"]
    assert offered(f"data import-csv {tmp_path}/ba") == [f"{tmp_path}/bars.csv"]
    assert not [text for text in offered("data import-csv ") if "hidden" in text]
    assert offered("data import-csv nowhere/") == []


def test_own_strategies_are_offered_without_running_them(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("class Mine(Strategy): ...\nclass Other: ...\n1 / 0\n")
    (tmp_path / "broken.py").write_text("class (")
    monkeypatch.setenv("STRATEGIES_DIR", str(tmp_path))
    get_settings.cache_clear()
    found = dict(values._strategies())
    get_settings.cache_clear()
    assert [name for name, about in found.items() if about == "your strategy"] == ["mine.py:Mine"]
    assert found["sma_cross"] == "shipped strategy"


def test_configs_are_offered_by_name(tmp_path, monkeypatch):
    for name in ("second.json", "first.json", "not a name.json", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.setenv("SESSION_CONFIGS_DIR", str(tmp_path))
    get_settings.cache_clear()
    found = list(values._configs())
    get_settings.cache_clear()
    assert found == [("first", "session config"), ("second", "session config")]


def completions(line: str) -> list[tuple[str, int]]:
    found = CommandCompleter().get_completions(Document(line), CompleteEvent())
    return [(each.text, each.start_position) for each in found]


def test_a_completion_takes_the_place_of_the_word_and_the_only_one_ends_it():
    assert completions("data qual") == [("quality ", -4)]
    assert completions("strategy show ")[:2] == [("sma_cross", 0), ("rsi_reversion", 0)]
    assert completions("data quality B") == [("'BRK B' ", -1)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("", NOTHING_TYPED),
        ("data", "Import, list, judge"),
        ("data quality", "How complete the bars are"),
        ("data quality ", "SYMBOL  A stored symbol."),
        ("data quality ALPHA --from ", "--from DATE  First date."),
        ("data quality ALPHA ", "--from --to --exchange --json"),
        ("data export ALPHA x.csv --interval ", "(default 1m)"),
        ("nope ", ""),
    ],
)
def test_hints_say_what_comes_next(line, told):
    assert told in "".join(text for _, text, *_ in hint(line))


def test_a_hint_fits_the_terminal():
    for width in (1, 10, 40):
        told = fitted(hint("data import-csv "), width)
        assert sum(len(text) for _, text, *_ in told) <= width
        assert told[-1][1].endswith("…")
    assert fitted([("", "whole")], 5) == [("", "whole")]
