"""Lines typed into the shell: a session runs beside them, and nothing they do ends the shell."""

import json
import sys

import pytest
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from app.cli.main import main
from app.cli.shell.loop import Shell
from app.config.settings import get_settings
from app.managers.data_manager.sample import make_sample
from app.managers.system_manager import SystemManager
from tests.system_fixtures import PATIENCE_S, session_config

ELSEWHERE = "sessions live in the process that started them"


@pytest.fixture(scope="module")
def home(calendar_db, tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    calendar_db.copy(folder / "trading_app.db")
    return folder


@pytest.fixture
def settings(home, monkeypatch):
    for name, value in {
        "DATA_DIR": str(home),
        "VALIDATION_DIR": str(home / "validation"),
        "DATABASE_URL": "",
        "COLUMNS": "100",
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    found = get_settings()
    if not (home / "bars").exists():
        make_sample(found)
    yield found
    get_settings.cache_clear()


@pytest.fixture
def config(tmp_path):
    """A session of three days of one symbol."""
    path = tmp_path / "three_days.json"
    cross = {"cross": ("sma_cross", {"interval": "5m"})}
    days = {"first": "2025-11-10", "last": "2025-11-12"}
    path.write_text(json.dumps(session_config("ALPHA", strategies=cross, name="three", **days)))
    return path


@pytest.fixture
def shell(settings, tmp_path):
    opened = Shell(tmp_path / "history")
    opened.surroundings._system = SystemManager(settings)
    yield opened
    opened.surroundings.system().stop()


@pytest.fixture
def typed(shell, capsys):
    """``typed("data list")``: what the shell says to that line, which must have this status."""

    def type_line(line, status=0):
        capsys.readouterr()
        found = shell.execute(line)
        said = capsys.readouterr()
        assert found == status, said
        assert ("Error: " in said.err) is (status in {1, 2} and "othing was" not in said.out)
        return " ".join((said.out + said.err).split())

    return type_line


def test_a_session_is_steered_line_by_line(typed, config):
    assert "● three waits: 3 sessions" in typed(f"system start {config} --paused")
    assert "a session is running already" in typed(f"system start {config}", status=2)
    assert "state PAUSED" in typed("system status")
    held = typed("data session --once")  # all three days may have been read by now
    assert not [date for date in ("10", "11", "12") if f"2025-11-{date}" in held]
    assert {each["bars"] for each in json.loads(typed("data session --json"))} <= {0}
    assert "2025-11-10 09:31" in typed("system step")
    assert "2025-11-10 10:00" in typed("system step 29")
    table = typed("data session --once")
    assert "ALPHA 1m 30 10:00" in table
    assert "SMA(10)" in table
    assert "5m* 6" in table
    assert "2025-11-11 09:31" in typed("time advance")
    assert "the session that runs reads the bars of ALPHA" in typed("data delete ALPHA", status=2)
    assert "speed: 60 market seconds a second" in typed("system speed 60")  # a day in minutes
    assert json.loads(typed("system status --json"))["speed"] == 60
    typed("system resume")
    assert "the session is not paused" in typed("time advance", status=2)
    assert "paused" in typed("system pause")
    assert "2025-11-12 09:31" in typed("time advance")
    assert "that was the last session" in typed("time advance")
    result = typed("system wait")
    assert "completed" in result
    assert "traded 3 sessions, 1,170 minute bars" in result
    assert "session three is over" in typed("system pause", status=2)


def test_stepping_and_speed_change_no_order(typed, config, shell):
    typed(f"system start {config}")
    typed("system wait")
    plain = shell.surroundings.system().record.order_hash
    typed(f"system start {config} --paused")
    typed("system step 500")
    typed("system speed 1000000")
    typed("system resume")
    typed("system wait")
    assert shell.surroundings.system().record.order_hash == plain


def test_a_stopped_session_shows_what_it_did(typed, config):
    typed(f"system start {config} --paused")
    typed("system step 60")
    assert "status stopped" in typed("system stop")


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("nope", 2, "'nope' is not a command"),
        ("data nope", 2, "'nope' is not a command in data"),
        ("data quality", 2, "Missing argument"),
        ("data quality ALPHA --nope", 2, "help data quality shows how it is typed"),
        ("data quality NOPE", 1, "no minute bars of 'NOPE' are stored"),
        ("data quality ALPHA --from x", 2, "'x' is not a date"),
        ("system start nope.json", 2, "nope.json does not exist"),
        ("system pause", 2, "no session was started yet"),
        ("data session", 2, "no session was started yet"),
        ("shell", 2, "this is the shell already"),
        ("admin log-level LOUD", 2, "log level 'LOUD' is not known"),
        ("", 0, ""),
        ("# a remark", 0, ""),
        ("help data quality", 0, "data quality SYMBOL"),
        ("data quality --help", 0, "data quality SYMBOL"),
        ("data", 0, "import-csv"),
        ("data validate ALPHA", 0, "ALPHA (synthetic) 11,520 bars"),
        ("admin log-level DEBUG", 0, "DEBUG and above go to"),
        ("system status", 0, "none was started yet"),
    ],
)
def test_each_line_is_answered(typed, line, status, message):
    assert message in typed(line, status)


def test_ctrl_c_ends_the_command_not_the_shell(typed, monkeypatch):
    from app.cli import data_tables

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(data_tables, "render_coverage", interrupted)
    assert typed("data list", status=130) == "interrupted"
    monkeypatch.undo()
    assert typed("time next 2024-07-03")


def test_a_flaw_in_a_command_does_not_end_the_shell(typed, monkeypatch):
    from app.cli import data_tables

    def broken(*_):
        raise ZeroDivisionError("a flaw")

    monkeypatch.setattr(data_tables, "render_coverage", broken)
    assert "Error: a flaw" in typed("data list", status=1)


def test_bars_are_deleted_after_asking(typed, settings, monkeypatch):
    days = "--from 2025-11-03 --to 2025-11-03"
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    monkeypatch.setattr("typer.confirm", lambda _: False)
    assert "Nothing was deleted" in typed(f"data delete CHARLIE {days}", status=1)
    assert "390 bars of CHARLIE deleted" in typed(f"data delete CHARLIE {days} --yes")
    assert "nothing was deleted" in typed(f"data delete CHARLIE {days} --yes")
    assert "missing minutes" in typed("data validate CHARLIE --from 2025-11-03")


# ── outside the shell ────────────────────────────────────────────────────────


@pytest.fixture
def one_shot(settings, monkeypatch, capsys):
    def command(*arguments, status=0):
        monkeypatch.setattr(sys, "argv", ["mismartera", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code or 0) == status, said
        return " ".join((said.out + said.err).split())

    return command


@pytest.mark.parametrize(
    "words",
    [
        ("system", "pause"),
        ("system", "resume"),
        ("system", "step"),
        ("system", "speed", "60"),
        ("system", "stop"),
        ("system", "wait"),
        ("data", "session"),
        ("time", "advance"),
    ],
    ids=" ".join,
)
def test_one_shot_commands_say_where_sessions_live(one_shot, words):
    assert ELSEWHERE in one_shot(*words, status=2)


def test_one_shot_status_help_and_log_level(one_shot):
    assert ELSEWHERE in one_shot("system", "status")
    assert "--paused needs the shell" in one_shot("system", "start", "--paused", status=2)
    assert "import-csv" in one_shot("help", "data")
    assert "INFO and above go to" in one_shot("admin", "log-level")
    assert "LOG_LEVEL=DEBUG" in one_shot("admin", "log-level", "debug", status=2)


# ── a conversation ───────────────────────────────────────────────────────────


def converse(shell_of, *, text: str) -> None:
    with create_pipe_input() as pipe:
        pipe.send_text(text)
        assert shell_of((pipe, DummyOutput())).converse() == 0


def test_lines_are_remembered_from_one_shell_to_the_next(settings, tmp_path, capsys):
    history = tmp_path / "folder" / "history"

    def opened(terminal):
        return Shell(history, terminal=terminal)

    converse(opened, text="help data\rexit\r")
    assert "help data import-csv" not in capsys.readouterr().out
    assert "+help data" in history.read_text()
    converse(opened, text="help data\x1b[C list\r\x04")  # → takes what is suggested, if anything
    assert "What is stored, per symbol." in capsys.readouterr().out
    converse(opened, text="\x1b[A\r\x04")  # ↑ brings back the line before
    assert "What is stored, per symbol." in capsys.readouterr().out


def test_leaving_while_a_session_runs_asks_and_stops_it(
    shell, config, settings, tmp_path, monkeypatch, capsys
):
    answers = iter([False, True])
    monkeypatch.setattr("typer.confirm", lambda _: next(answers))
    system = SystemManager(settings)

    def opened(terminal):
        made = Shell(tmp_path / "history", terminal=terminal)
        made.surroundings._system = system
        return made

    converse(opened, text=f"system start {config} --paused\rexit\rsystem step 3\rexit\r")
    assert system.wait(PATIENCE_S)
    assert system.record is not None
    assert system.record.status == "stopped"
    assert "session three stopped" in " ".join(capsys.readouterr().out.split())
