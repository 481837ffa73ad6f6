"""JSON of the commands: every kind of value we print has one plain form."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from app.cli.output import print_json, to_json
from app.core.enums import MarketSession


@dataclass(frozen=True)
class _Pair:
    when: date
    values: tuple[float, float]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MarketSession.CLOSED, "closed"),
        (True, True),
        (np.bool_(True), True),
        (np.int64(3), 3),
        (float("nan"), None),
        (np.float64("inf"), None),
        (np.array([1.5, np.nan]), [1.5, None]),
        (np.array(["2024-07-03"], "datetime64[D]"), ["2024-07-03"]),
        (np.datetime64("2024-07-03T13:30:00", "ns"), "2024-07-03T13:30:00.000000000"),
        (date(2024, 7, 3), "2024-07-03"),
        (time(9, 30), "09:30:00"),
        (datetime(2024, 7, 3, 13, 30, tzinfo=UTC), "2024-07-03T13:30:00+00:00"),
        (timedelta(minutes=1), 60.0),
        (Decimal("0.10"), "0.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("a/b"), "a/b"),
        (_Pair(date(2024, 7, 3), (1.0, 2.0)), {"when": "2024-07-03", "values": [1.0, 2.0]}),
        ({1: {MarketSession.CLOSED: None}}, {"1": {"closed": None}}),
        ({date(2024, 7, 3): ()}, {"2024-07-03": []}),
    ],
)
def test_each_kind_of_value_has_one_form(value: object, expected: object) -> None:
    assert to_json(value) == expected


def test_what_has_no_form_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="bytes"):
        to_json({"raw": b"x"})


def test_output_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([{"name": "São"}])
    assert json.loads(capsys.readouterr().out) == [{"name": "São"}]
