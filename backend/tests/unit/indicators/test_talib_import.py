"""TA-Lib is imported late and without pandas; a fresh process is the only honest witness."""

import subprocess
import sys

import pytest


def run(code: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def test_importing_the_package_does_not_import_talib():
    code = "import sys, app.services.indicators; print({'talib', 'pandas'} & set(sys.modules))"
    assert run(code) == "set()"


def test_own_indicators_do_not_import_talib():
    code = (
        "import sys; from app.core.indicators import IndicatorSpec as S;"
        "from app.services.indicators import create_indicator as c;"
        "c(S.of('session_vwap')); c(S.of('trailing_high')); c(S.custom(lambda columns: None));"
        "print('talib' in sys.modules)"
    )
    assert run(code) == "False"


@pytest.mark.parametrize("frames", ["pandas", "polars"])
def test_frame_libraries_are_not_imported_and_work_afterwards(frames):
    code = (
        "import sys; from app.services.indicators.talib_loader import load_talib;"
        f"load_talib(); print({frames!r} in sys.modules, end=' ');"
        f"import {frames}; print({frames}.Series([1.0, 2.0]).sum())"
    )
    assert run(code) == "False 3.0"


def test_a_frame_library_imported_before_stays_as_it_was():
    code = (
        "import sys, polars; before = sys.modules['polars'];"
        "from app.services.indicators.talib_loader import load_talib;"
        "talib = load_talib(); print(sys.modules['polars'] is before, end=' ');"
        "print(talib.SMA(polars.Series([1.0, 3.0]), 2)[1])"
    )
    assert run(code) == "True 2.0"
