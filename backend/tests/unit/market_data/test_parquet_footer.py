from contextlib import suppress

import numpy as np
import polars as pl
import pytest

from app.core.exceptions import DataError
from app.services.market_data.parquet_footer import unpacked_bytes
from app.services.market_data.parquet_source import open_parquet

NAMES = ("timestamp", "open", "high", "low", "close", "volume")


def write(path, *, text="x", **more):
    """2,000 rows of bars in row groups of 100; none of their numbers repeats."""
    values = {name: np.random.default_rng(1).permutation(2_000) for name in NAMES}
    table = pl.DataFrame(values).with_columns(symbol=pl.lit(text), **more)
    table.write_parquet(path, row_group_size=100, compression="zstd")


def test_a_column_unpacks_to_at_least_its_values(tmp_path):
    """20 groups of 100 values of 8 bytes; headers of pages and dictionaries add some."""
    path = tmp_path / "bars.parquet"
    write(path, nested=pl.lit([1, 2]), flag=pl.lit(True))
    wanted = {*NAMES, "nested", "flag"}
    sizes = unpacked_bytes(path, wanted)
    assert set(sizes) == wanted
    for name in NAMES:
        assert 16_000 <= sizes[name] < 2 * 16_000
    assert sizes["flag"] < 16_000


def test_a_text_of_which_little_is_left_packed(tmp_path):
    path = tmp_path / "bars.parquet"
    write(path, text="x" * (1 << 20))
    assert path.stat().st_size < 1 << 18
    assert unpacked_bytes(path, ["symbol"])["symbol"] >= 20 << 20  # once in each of 20 groups


def as_thrift(number: int) -> bytes:
    """As Thrift writes a number of 2^20 to 2^27: 7 bits a byte, the sign below them."""
    twice = 2 * number
    return bytes([*(twice >> shift & 0x7F | 0x80 for shift in (0, 7, 14)), twice >> 21])


def test_the_pages_are_believed_and_not_the_footer(tmp_path):
    """The footer counts headers of pages too; whatever it says of the text is made zero here."""
    path = tmp_path / "bars.parquet"
    write(path, text="x" * (1 << 20))
    content = path.read_bytes()
    begin = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[begin:]
    for size in range(1 << 20, (1 << 20) + 500):
        footer = footer.replace(as_thrift(size), b"\x80\x80\x80\x00")
    assert footer.count(b"\x80\x80\x80\x00") == 20
    path.write_bytes(content[:begin] + footer)
    assert unpacked_bytes(path, ["symbol"])["symbol"] >= 20 << 20


def test_what_unpacks_to_too_much_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "bars.parquet"
    write(path, text="x" * (1 << 20))
    source = open_parquet(path, {})
    monkeypatch.setattr(pl.LazyFrame, "collect", None)
    assert source.size(most=1 << 20) > 1 << 20


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_footer_is_read_or_refused(tmp_path, seed):
    path = tmp_path / "bars.parquet"
    write(path)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    length = int.from_bytes(content[-8:-4], "little")
    for place in rng.integers(len(content) - 8 - length, len(content), 20):
        content[place] = rng.integers(256)
    path.write_bytes(content)
    with suppress(DataError):  # and no other error
        assert all(size == int(size) for size in unpacked_bytes(path, NAMES).values())
