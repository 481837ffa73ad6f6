"""Fees of the SEC and FINRA by the day of the trade, against what they published."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.core.exceptions import ConfigurationError
from app.core.regulatory_fees import SECTION_31, TRADING_ACTIVITY, RegulatoryFees

MILLION = 1_000_000.0


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("day", "per_million"),
    [
        ("2010-03-31", 12.70),  # SEC press release 2009-270
        ("2010-04-01", 16.90),  # FINRA Information Notice 3/10/10
        ("2011-01-21", 19.20),  # SEC press release 2010-255
        ("2012-11-15", 22.40),  # SEC press release 2012-232: "the current rate"
        ("2014-03-17", 17.40),  # FINRA Information Notice 3/3/14: "from its current rate"
        ("2014-10-07", 22.10),  # FINRA Information Notice 10/7/14: "will remain at"
        ("2016-03-15", 21.80),  # FINRA Information Notice 3/15/16: "will remain at"
        ("2018-05-21", 23.10),  # FINRA Information Notice 5/7/18: "from its current rate"
        ("2018-05-22", 13.00),
        ("2019-04-15", 13.00),  # SEC: "through April 15, 2019"
        ("2019-04-16", 20.70),
        ("2020-02-18", 22.10),
        ("2021-02-24", 22.10),  # SEC: "through February 24, 2021"
        ("2021-02-25", 5.10),
        ("2022-05-16", 22.90),
        ("2023-02-24", 22.90),  # SEC: "through February 26, 2023"
        ("2023-02-27", 8.00),
        ("2024-07-01", 27.80),
        ("2025-05-13", 27.80),
        ("2025-05-14", 0.00),
        ("2026-04-06", 20.60),
    ],
)
def test_a_million_sold_pays_the_published_rate(day: str, per_million: float) -> None:
    # One share at a million: the activity fee of one share is not worth a cent.
    charged = RegulatoryFees().start().charge(-1, MILLION, at(f"{day} 15:00"))
    assert charged == pytest.approx(per_million, abs=0.001)


@pytest.mark.parametrize(
    ("day", "per_share", "cap"),
    [
        ("2011-06-30", 0.000075, 3.75),  # FINRA Regulatory Notice 11-27
        ("2011-07-01", 0.000090, 4.50),
        ("2012-03-01", 0.000095, 4.75),  # FINRA Regulatory Notice 12-06
        ("2019-07-01", 0.000119, 5.95),  # "50,000 shares or greater: 5.95 per trade"
        ("2024-07-01", 0.000166, 8.30),  # Alpaca's list, quantity limit 50,000
        ("2026-07-01", 0.000195, 9.79),
        ("2026-11-20", 0.0, 0.0),
    ],
)
def test_the_activity_fee_is_per_share_up_to_a_cap(day: str, per_share: float, cap: float) -> None:
    charger = RegulatoryFees().start()
    price = 1e-15  # so that the section 31 fee is nothing
    assert charger.charge(-1_000, price, at(f"{day} 15:00")) == pytest.approx(1_000 * per_share)
    assert charger.charge(-1_000_000, price, at(f"{day} 15:00")) == pytest.approx(cap)


def test_a_published_example() -> None:
    # A broker's own: sale proceeds of 10,000 at 23.10 per million pay 0.231.
    charged = RegulatoryFees().start().charge(-1, 10_000.0, at("2017-10-02 15:00"))
    assert charged == pytest.approx(0.231 + 0.000119)


def test_purchases_are_free_and_the_evening_belongs_to_the_day() -> None:
    charger = RegulatoryFees().start()
    assert charger.charge(1_000, 100.0, at("2024-07-01 15:00")) == 0.0
    # 20:00 in New York on May 13, 2025 is midnight UTC of the 14th.
    assert charger.charge(-1, MILLION, at("2025-05-14 00:00")) == pytest.approx(27.8, abs=0.001)
    assert charger.charge(-1, MILLION, at("2025-05-14 13:30")) == pytest.approx(0.0, abs=0.001)
    # And back in time, as the fills of another run may come.
    assert charger.charge(-1, MILLION, at("2025-05-13 13:30")) == pytest.approx(27.8, abs=0.001)


def test_dates_before_the_tables_pay_their_first_rates() -> None:
    charged = RegulatoryFees().start().charge(-1, MILLION, at("2005-06-01 15:00"))
    assert charged == pytest.approx(25.70, abs=0.001)


def test_totals_of_a_day_are_rounded_up_together() -> None:
    charger = RegulatoryFees(rounded_up_to=0.01).start()
    # One share at 100: 0.00278 and 0.000166. Thirty of them are 0.0834 and 0.00498.
    fees = [charger.charge(-1, 100.0, at("2024-07-01 15:00")) for _ in range(30)]
    assert fees[0] == pytest.approx(0.02)
    assert fees[1] == 0.0
    assert sum(fees) == pytest.approx(0.09 + 0.01)
    assert charger.charge(-1, 100.0, at("2024-07-02 15:00")) == pytest.approx(0.02)


def test_an_exact_cent_is_not_rounded_up() -> None:
    charger = RegulatoryFees(rounded_up_to=0.01).start()
    # 8.00 per million of 10,000 is 0.08; the activity fee of one share is rounded up to a cent.
    assert charger.charge(-1, 10_000.0, at("2023-07-03 15:00")) == pytest.approx(0.09)


@pytest.mark.parametrize("rows", [SECTION_31, TRADING_ACTIVITY])
def test_rows_are_in_order_and_say_where_they_are_from(
    rows: tuple[Any, ...],
) -> None:
    dates = [row.since for row in rows]
    assert dates == sorted(set(dates), key=str)
    assert dates[0] <= date(2010, 1, 1)
    assert all(str(row[-1]).startswith(("SEC", "FINRA", "SR-FINRA", "77 FR")) for row in rows)


def test_a_step_below_zero_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="rounded_up_to: -1"):
        RegulatoryFees(rounded_up_to=-1)
