import pytest

from app.core.exceptions import ConfigurationError
from app.services.market_data.source_columns import parse_mapping, resolve_columns


@pytest.mark.parametrize(
    ("header", "time", "values", "symbol"),
    [
        ("timestamp,open,high,low,close,volume", (0,), (1, 2, 3, 4, 5), None),
        ("symbol,timestamp,open,high,low,close,volume", (1,), (2, 3, 4, 5, 6), 0),
        ("Date,Open,High,Low,Close,Adj Close,Volume", (0,), (1, 2, 3, 4, 6), None),
        ("DATETIME,O,H,L,C,V", (0,), (1, 2, 3, 4, 5), None),
        ("<TICKER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", (1, 2), (3, 4, 5, 6, 7), 0),
        (
            "open_time,open,high,low,close,volume,close_time,quote_volume",
            (0,),
            (1, 2, 3, 4, 5),
            None,
        ),
        ("Open time,Open,High,Low,Close,Volume,Close time", (0,), (1, 2, 3, 4, 5), None),
        ("t,o,h,l,c,v,n,vw", (0,), (1, 2, 3, 4, 5), None),
        ("time,open,high,low,close,Volume", (0,), (1, 2, 3, 4, 5), None),
    ],
)
def test_usual_names(header, time, values, symbol):
    found = resolve_columns(header.split(","), {})
    assert (found.time, found.values, found.symbol) == (time, values, symbol)


def test_mapping_overrules():
    names = ["Zeit", "Price", "high", "low", "close", "Qty", "volume"]
    found = resolve_columns(names, {"timestamp": "Zeit", "open": "price", "volume": "#6"})
    assert (found.time, found.values) == ((0,), (1, 2, 3, 4, 5))


def test_a_mapped_timestamp_settles_which_of_two():
    names = ["timestamp", "date", "open", "high", "low", "close", "volume"]
    with pytest.raises(ConfigurationError, match=r"'timestamp' and 'date'.*`columns`"):
        resolve_columns(names, {})
    assert resolve_columns(names, {"timestamp": "date"}).time == (1,)


@pytest.mark.parametrize(
    ("names", "mapping", "message"),
    [
        ("a,open,high,low,close,volume", {}, r"no column for timestamp among the columns a, open"),
        (
            "time,open,high,low,close",
            {},
            r"no column for volume .*`columns`, for example timestamp=Zeit",
        ),
        ("time,open,OPEN,high,low,close,volume", {}, r"'open' and 'OPEN' may each be open"),
        ("time,open,high,low,close,volume", {"open": "nope"}, r"open=nope: 'nope' is not among"),
        ("time,open,high,low,close,volume", {"open": "#7"}, r"'#7' is not among"),
        ("time,x,X,open,high,low,close,volume", {"symbol": "X "}, r"'X ' is more than once"),
    ],
)
def test_what_cannot_be_told_names_the_columns_found(names, mapping, message):
    with pytest.raises(ConfigurationError, match=message):
        resolve_columns(names.split(","), mapping)


def test_mapping_syntax():
    assert parse_mapping("timestamp=Zeit, open=#2,") == {"timestamp": "Zeit", "open": "#2"}
    assert parse_mapping("") == {}
    for text in ("open", "open=", "price=x"):
        with pytest.raises(ConfigurationError, match="is not field=column"):
            parse_mapping(text)
