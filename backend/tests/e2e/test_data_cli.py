"""The `data` commands as a user runs them: as processes, on an installation of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BACKEND = Path(__file__).resolve().parents[2]
FILE = "stockcharts/us_equity_1m_AAPL_2016.csv.gz"


@pytest.fixture(scope="module")
def run(calendar_db, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    calendar_db.copy(home / "trading_app.db")
    environment = os.environ | {"DATA_DIR": str(home), "DATABASE_URL": "", "COLUMNS": "120"}

    def command(*arguments, status=0):
        done = subprocess.run(
            [sys.executable, str(BACKEND / "run_cli.py"), "data", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == status, done.stderr
        return done.stdout if status == 0 else done.stderr

    return command


def test_a_process_imports_lists_and_complains(run, shared_data):
    assert "8,211" in run("import-csv", shared_data / FILE)
    assert json.loads(run("list", "--json"))[0]["rows"] == 8_211
    assert "'yesterday' is not a date" in run("quality", "AAPL", "--from", "yesterday", status=2)


def test_help_is_quick_because_nothing_is_imported(run):
    code = (
        "import sys; from app.cli.commands import data_commands; "
        "print([name for name in ('polars', 'numpy', 'sqlalchemy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BACKEND, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
    assert "import-csv" in run("--help")
