"""Files that are uploaded: stored, followed, bounded, and never named by who sent them."""

import csv
import gzip
import io
import logging
import socket
from contextlib import suppress
from datetime import date
from pathlib import Path
from threading import Event
from time import sleep

import anyio
import polars as pl
import pytest
from loguru import logger
from starlette.testclient import TestClient

from app.api import http_protocol, uploads
from app.api.app import create_app
from app.core.users import Role
from app.managers.data_manager import DataManager
from app.managers.data_manager.imports import ImportOrder, Imports
from app.managers.time_manager.clock import SystemClock
from app.monitoring.logs import configure_logging
from tests.api_fixtures import Api
from tests.system_fixtures import PATIENCE_S, minutes, until

MSFT = "stockcharts/us_equity_1m_MSFT_2016.csv.gz"
IMPORT = "/api/v1/market-data/import"
HEADER = "timestamp,open,high,low,close,volume\n"
GOOD = "2024-01-08T14:30:00Z,10,11,9,10.5,100\n"
MIB = 1 << 20


@pytest.fixture
def trader(api: Api) -> TestClient:
    return api.as_("trader")


def upload(client: TestClient, content: bytes | str, name: str = "bars.csv", **fields: str):
    return client.post(IMPORT, files={"file": (name, content)}, data=fields)


def outcome_of(client: TestClient, answer) -> dict[str, object]:
    """What an import came to, asked for until it is over."""
    assert answer.status_code == 202, answer.text

    def status() -> dict[str, object]:
        return client.get(f"/api/v1/market-data/imports/{answer.json()['id']}").json()

    until(lambda: status()["state"] != "running")
    return status()


def test_a_real_file(api, trader, shared_data) -> None:
    content = (shared_data / MSFT).read_bytes()
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(content).decode())))
    status = outcome_of(trader, upload(trader, content, "msft.csv.gz"))
    assert (status["state"], status["progress"], status["error"]) == ("completed", 1.0, None)
    outcome = status["outcome"]
    assert (outcome["rows"], outcome["rejected"]) == (len(rows), 0)
    (symbol,) = outcome["symbols"]
    assert symbol["symbol"] == "MSFT"
    assert symbol["added"] == len(rows)
    assert symbol["first"] == rows[0]["timestamp"]
    assert symbol["sessions"] == len({row["timestamp"][:10] for row in rows})
    assert symbol["coverage_pct"] == 100.0  # 390 minutes of each day, and one after the close
    assert symbol["outside"] == symbol["sessions"]
    assert api.installation.storage.coverage("MSFT").rows == len(rows)
    assert list(api.settings.uploads_dir.iterdir()) == []


def test_refused_rows_have_their_line_and_reason(trader) -> None:
    bad = "2024-01-08T14:31:00Z,10,9,11,10,100\n2024-01-08T14:32:00Z,0,1,0,1,1\n"
    status = outcome_of(trader, upload(trader, HEADER + GOOD + bad, symbol="AA"))
    outcome = status["outcome"]
    assert (outcome["rows"], outcome["rejected"]) == (3, 2)
    assert [each["line"] for each in outcome["rejections"]] == [3, 4]
    assert "do not enclose" in outcome["rejections"][0]["reason"]
    assert "above zero" in outcome["rejections"][1]["reason"]


def test_the_fields_of_the_form(api, trader) -> None:
    """Chicago's 08:30 is 14:30 UTC in winter; the time is under a name of its own."""
    text = "Zeit,open,high,low,close,volume\n2024-01-08 08:30,10,11,9,10.5,100\n"
    fields = {"symbol": "ES", "timezone": "America/Chicago", "columns": "timestamp=Zeit"}
    outcome = outcome_of(trader, upload(trader, text, **fields))["outcome"]
    assert outcome["timezone"] == "America/Chicago"
    assert outcome["symbols"][0]["first"] == "2024-01-08T14:30:00Z"


@pytest.mark.parametrize("name", ["x.csv", "x", "x.parquet", "../../evil.sh"])
def test_the_kind_of_a_file_is_seen_in_it(api, trader, tmp_path, name) -> None:
    frame = pl.read_csv(io.StringIO(HEADER + GOOD), try_parse_dates=True)
    parquet = io.BytesIO()
    frame.write_parquet(parquet)
    for content in (HEADER + GOOD, gzip.compress((HEADER + GOOD).encode()), parquet.getvalue()):
        status = outcome_of(trader, upload(trader, content, name, symbol="AA"))
        assert status["outcome"]["rows"] == 1, status
    assert [path.name for path in api.settings.data_dir.rglob("*evil*")] == []
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"PAR1 and no more",
        b"\x1f\x8b and no more",
        gzip.compress(b"x" * 1_000)[:-9],
        b"\xff\xfeh\x00i\x00",
        HEADER.encode(),
        b"\x00" * 4_096,
        (HEADER + "2024-01-08T14:30:00Z,a,b,c,d,e\n").encode(),
    ],
    ids=range(9),
)
def test_what_is_no_file_of_bars_fails_and_says_why(api, trader, content) -> None:
    status = outcome_of(trader, upload(trader, content, symbol="AA"))
    assert (status["state"], status["outcome"]) == ("failed", None)
    message = status["error"]["message"]
    assert message
    assert "see the log" not in message
    assert str(api.settings.data_dir) not in message
    assert list(api.settings.uploads_dir.iterdir()) == []
    assert api.installation.storage.symbols() == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"symbol": " AA"}, "symbol"),
        ({"symbol": "A" * 65}, "symbol"),
        ({"symbol": "A\0"}, "symbol"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"columns": "nonsense"}, "columns"),
        ({"columns": "time" * 300}, "columns"),
        ({"exchange": "MOON"}, "exchange"),
        ({"surprise": "1"}, "surprise"),
        ({"symbol": "x" * 9_000}, "body"),
    ],
)
def test_a_field_that_cannot_be(trader, fields, named) -> None:
    answer = upload(trader, HEADER + GOOD, **fields)
    assert answer.status_code == 422
    assert named in answer.json()["error"]["message"]


NOT_IN_AN_ADDRESS = ["A/", "A//B", "A/../B", "A/./B", "A/...", "A/B/.."]
"""Of these an address names another symbol, or none."""


@pytest.mark.parametrize(
    "symbol", ["ÄÖ", "a b", ".", "../x", "", "A" * 65, "/A", *NOT_IN_AN_ADDRESS]
)
def test_a_symbol_that_no_session_takes(api, trader, symbol) -> None:
    answer = upload(trader, HEADER + GOOD, symbol=symbol)
    assert answer.status_code == 422, answer.text
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "symbol"
    assert list(api.settings.uploads_dir.iterdir()) == []


def test_a_field_that_is_sent_twice_is_refused(api, trader) -> None:
    file = {"file": ("bars.csv", HEADER + GOOD)}
    answer = trader.post(IMPORT, files=file, data={"symbol": ["AA", "BB"]})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"] == [
        {"field": "symbol", "message": "is given 2 times; give it once"}
    ]
    assert api.installation.storage.symbols() == []


@pytest.mark.parametrize("symbol", NOT_IN_AN_ADDRESS)
def test_rows_of_a_symbol_that_no_address_can_name(api, trader, symbol) -> None:
    content = f"symbol,{HEADER}{symbol},{GOOD}BTC/USD,{GOOD}"
    status = outcome_of(trader, upload(trader, content))
    assert [each["symbol"] for each in status["outcome"]["symbols"]] == ["BTC/USD"]
    assert status["outcome"]["rejected"] == 1
    assert api.installation.storage.symbols() == ["BTC/USD"]


@pytest.mark.parametrize("symbol", ["BTC/USD", "BRK.B", "^GSPC", "ES=F", "A/.B", "A/B/C.."])
def test_a_symbol_that_a_session_takes(api, trader, symbol) -> None:
    status = outcome_of(trader, upload(trader, HEADER + GOOD, symbol=symbol))
    assert [each["symbol"] for each in status["outcome"]["symbols"]] == [symbol]


def test_columns_that_name_no_field(trader) -> None:
    answer = upload(trader, HEADER + GOOD, symbol="AA", columns="when=Zeit")
    assert answer.status_code == 422, answer.text
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "columns"
    assert detail["message"].startswith("'when=Zeit' is not field=column with a field of timestamp")


@pytest.mark.parametrize(
    ("text", "fields", "said"),
    [
        (HEADER + GOOD, {}, "the file has no symbol column; say which it is in `symbol`"),
        (
            "symbol," + HEADER + "AA," + GOOD + "BB," + GOOD,
            {"symbol": "CC"},
            "symbol: CC is to name the file's, which holds 2 symbols (AA, BB …); leave it away",
        ),
        (HEADER + GOOD, {"symbol": "AA", "columns": "open=Auf"}, "columns: open=Auf: 'Auf' is not"),
        ("when" + HEADER[9:] + GOOD, {"symbol": "AA"}, "name them in `columns`, for example"),
    ],
)
def test_what_fails_later_speaks_of_the_form(trader, text, fields, said) -> None:
    message = outcome_of(trader, upload(trader, text, **fields))["error"]["message"]
    assert said in message
    assert "--" not in message


def test_a_form_that_is_none(trader) -> None:
    for sent in (
        {"content": b"x"},
        {"json": {"file": "x"}},
        {"data": {"symbol": "AA"}},
        {"data": {"file": "text"}},
        {"files": [("file", b"1"), ("file", b"2")]},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
        {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}},
    ):
        answer = trader.post(IMPORT, **sent)
        assert answer.status_code == 422, (sent, answer.text)


def test_a_file_that_is_too_large_is_not_taken(api, trader) -> None:
    api.settings.import_max_mib = 1
    large = upload(trader, b"x" * (MIB + 70_000))
    assert (large.status_code, large.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")

    def chunks():
        yield b'--a\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 65_536

    kind = {"Content-Type": "multipart/form-data; boundary=a"}
    assert trader.post(IMPORT, content=chunks(), headers=kind).status_code == 413  # unannounced
    assert list(api.settings.uploads_dir.iterdir()) == []


def bar_table(rows: int) -> pl.DataFrame:
    """Rows that take a few bytes in a Parquet file, for they repeat."""
    names = HEADER.strip().split(",")
    return pl.DataFrame({name: pl.zeros(rows, pl.Int64, eager=True) for name in names})


@pytest.mark.parametrize("kind", ["gzip", "parquet"])
def test_a_small_file_that_holds_a_large_one_fails(api, trader, kind) -> None:
    api.app.state.platform.imports._most_bytes = MIB
    bomb = io.BytesIO()
    if kind == "gzip":
        bomb.write(gzip.compress(b"0" * (64 * MIB)))
    else:
        bar_table(10**6).write_parquet(bomb)
    assert len(bomb.getvalue()) < MIB // 8
    status = outcome_of(trader, upload(trader, bomb.getvalue(), symbol="AA"))
    assert status["state"] == "failed"
    assert "more than 1 MiB unpacked" in status["error"]["message"]
    assert list(api.settings.uploads_dir.iterdir()) == []


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_lines_count_however_short(api, trader, end) -> None:
    """At 48 bytes a row 1 MiB holds 21,845; these lines are 1 or 2 bytes in the file."""
    api.app.state.platform.imports._most_bytes = MIB
    text = (HEADER + GOOD).replace("\n", end)
    status = outcome_of(trader, upload(trader, text + end * 21_843, symbol="AA"))
    assert status["error"] is None
    status = outcome_of(trader, upload(trader, text + end * 21_844, symbol="AA"))
    assert "or than 21,845 rows" in status["error"]["message"]


def as_parquet(table: pl.DataFrame) -> bytes:
    written = io.BytesIO()
    table.write_parquet(written)
    return written.getvalue()


def test_a_list_in_a_column_of_bars_is_refused(api, trader) -> None:
    zeros = pl.Series([pl.zeros(10**7, pl.Int64, eager=True)])
    content = as_parquet(bar_table(1).with_columns(volume=zeros))
    assert len(content) < 16_384
    status = outcome_of(trader, upload(trader, content, symbol="AA"))
    assert status["state"] == "failed"
    message = "the file: the column 'volume' holds List(Int64); times, numbers or text are wanted"
    assert status["error"]["message"].startswith(message)


def test_columns_nobody_asked_for_are_not_read(trader) -> None:
    """The first column is damaged where it begins: after the four bytes that name the format."""
    sound = pl.read_csv(io.StringIO(HEADER + GOOD), try_parse_dates=True)
    content = bytearray(as_parquet(sound.select(pl.lit("text").alias("extra"), pl.all())))
    content[4:20] = bytes(16)
    status = outcome_of(trader, upload(trader, bytes(content), symbol="AA"))
    assert status["error"] is None
    assert status["outcome"]["rows"] == 1


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical], ids=str)
def test_a_text_that_repeats_counts_as_often_as_it_is_there(api, trader, kind) -> None:
    """Of 2 KB once in the file: 2 MB in its rows."""
    api.app.state.platform.imports._most_bytes = MIB
    name = pl.repeat("x" * 2_048, 1_024, eager=True).cast(kind)
    content = as_parquet(bar_table(1_024).with_columns(symbol=name))
    assert len(content) < 16_384
    status = outcome_of(trader, upload(trader, content))
    assert "more than 1 MiB unpacked" in status["error"]["message"]


def test_no_more_at_once_than_may(api, trader, monkeypatch) -> None:
    go_on = Event()
    real = DataManager.import_from_csv

    def slow(self: DataManager, path: Path, **more: object):
        assert go_on.wait(30)
        return real(self, path, **more)

    monkeypatch.setattr(DataManager, "import_from_csv", slow)
    first, second = (upload(trader, HEADER + GOOD, symbol=name) for name in ("AA", "BB"))
    third = upload(trader, HEADER + GOOD, symbol="CC")
    assert (third.status_code, third.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert int(third.headers["retry-after"]) >= 1
    running = trader.get(f"/api/v1/market-data/imports/{first.json()['id']}").json()
    assert (running["state"], running["outcome"]) == ("running", None)
    go_on.set()
    for answer in (first, second):
        assert outcome_of(trader, answer)["state"] == "completed"
    assert outcome_of(trader, upload(trader, HEADER + GOOD, symbol="CC"))["state"] == "completed"


NO_FORM = {
    "content": b"no form",
    "headers": {"Content-Type": "multipart/form-data; boundary=a"},
}


def test_a_place_is_found_before_the_file_is_read(api, trader) -> None:
    imports = api.app.state.platform.imports
    taken = [imports.admit() for _ in range(api.settings.imports_at_once)]
    assert trader.post(IMPORT, **NO_FORM).status_code == 429
    imports.release(taken[0])
    assert trader.post(IMPORT, **NO_FORM).status_code == 422


def test_what_fails_gives_its_place_back(api, trader) -> None:
    """More often than there are places: forms that are none, fields that cannot be, two files."""
    for _ in range(api.settings.imports_at_once + 1):
        assert trader.post(IMPORT, **NO_FORM).status_code == 422
        assert upload(trader, HEADER + GOOD, symbol=" AA").status_code == 422
        two = [("file", b"1"), ("file", b"2")]
        assert trader.post(IMPORT, files=two).status_code == 422
    assert list(api.settings.uploads_dir.iterdir()) == []
    assert outcome_of(trader, upload(trader, HEADER + GOOD, symbol="AA"))["state"] == "completed"


PART = b'--a\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nsome of it'


def statuses_after(api: Api, *messages: dict[str, object]) -> list[int]:
    """What is answered to a client that sends the messages of an import and then nothing."""
    sent, waiting = [], list(messages)

    async def receive():
        if not waiting:
            await anyio.sleep_forever()
        return waiting.pop(0)

    async def send(message) -> None:
        if message["type"] == "http.response.start":
            sent.append(message["status"])

    headers = [
        (b"host", b"127.0.0.1"),
        (b"authorization", api.as_("trader").headers["authorization"].encode()),
        (b"content-type", b"multipart/form-data; boundary=a"),
    ]
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http"}
    scope |= {"path": IMPORT, "raw_path": IMPORT.encode(), "query_string": b"", "root_path": ""}
    scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    scope["state"] = {}

    async def asked() -> None:
        with suppress(Exception):
            await api.app(scope, receive, send)

    anyio.run(asked)
    return sent


def test_who_goes_away_or_falls_silent_gives_the_place_back(api, trader, monkeypatch) -> None:
    begin = {"type": "http.request", "body": PART, "more_body": True}
    with monkeypatch.context() as hurried:
        hurried.setattr(uploads, "SILENCE_S", 0.05)
        for _ in range(api.settings.imports_at_once + 1):
            assert statuses_after(api, begin) == [422]
            assert 429 not in statuses_after(api, begin, {"type": "http.disconnect"})
    assert list(api.settings.uploads_dir.iterdir()) == []
    assert outcome_of(trader, upload(trader, HEADER + GOOD, symbol="AA"))["state"] == "completed"


def test_who_goes_away_is_one_line_of_the_log(api) -> None:
    path = configure_logging(api.settings.logs_dir, "INFO")
    begin = {"type": "http.request", "body": PART, "more_body": True}
    assert statuses_after(api, begin, {"type": "http.disconnect"}) == []
    damaged = {"type": "http.request", "body": b"--b\r\n\r\nno part of it", "more_body": False}
    assert statuses_after(api, damaged) == [422]
    logging.getLogger("python_multipart.multipart").warning("skipped %r", b"token=hunter22hunter22")
    logger.remove()
    text = path.read_text()
    assert "Traceback" not in text
    assert "ERROR" not in text
    assert f"POST {IMPORT}: who asked has left" in text
    assert "skipped" in text
    assert "hunter22" not in text


def test_a_file_that_comes_by_the_byte_keeps_no_place(api, live, monkeypatch) -> None:
    """Each byte in time, but not all of them."""
    monkeypatch.setattr(http_protocol, "BODY_S", 0.3)
    host, port = live.address.split(":")
    token = api.token(Role.TRADER)
    head = (
        f"POST {IMPORT} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: multipart/form-data; boundary=a\r\nContent-Length: 100000\r\n\r\n"
    ).encode()
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as slow:
        slow.sendall(head + PART)
        until(lambda: any(api.settings.uploads_dir.glob("*/*")))
        with suppress(OSError):
            for _ in range(10_000):
                slow.sendall(b"x")
                sleep(0.02)
    until(lambda: not any(api.settings.uploads_dir.iterdir()))


def imports_of(api: Api) -> Imports:
    """Of another process on the same folder."""
    folder, clock = api.settings.uploads_dir, SystemClock()
    markets = api.app.state.platform.markets
    return Imports(markets, folder, clock=clock, most_bytes=MIB, at_once=1)


def test_what_a_crash_left_is_removed_at_the_start(api) -> None:
    left = api.settings.uploads_dir / "0123456789abcdef0123456789abcdef"
    left.mkdir()
    (left / "received").write_text(HEADER)
    with TestClient(create_app(api.settings, system=api.system)):
        assert left.exists()  # the first application is in the folder
    api.app.state.platform.imports.close(0)
    with TestClient(create_app(api.settings, system=api.system)):
        assert not left.exists()


def test_the_end_waits_for_imports_up_to_its_deadline(api, monkeypatch) -> None:
    imports, go_on = imports_of(api), Event()
    real = DataManager.import_from_csv

    def slow(self: DataManager, path: Path, **more: object):
        assert go_on.wait(30)
        return real(self, path, **more)

    monkeypatch.setattr(DataManager, "import_from_csv", slow)
    imports.open()
    reception = imports.admit()
    reception.folder.mkdir()
    reception.file.write_text(HEADER + GOOD)
    order = ImportOrder(exchange_group="US_EQUITY", symbol="AA", timezone=None, columns={})
    begun = imports.start(reception, order)
    assert imports.close(0.01) is False
    go_on.set()
    assert imports.close(30) is True
    assert "the server ended" in str(begun.error)
    assert api.installation.storage.symbols() == []
    assert not reception.folder.exists()


def test_who_may_not_import_is_not_listened_to(api) -> None:
    for client, status in ((api.anonymous(), 401), (api.as_("viewer"), 403)):
        assert upload(client, HEADER + GOOD, symbol="AA").status_code == status
    assert api.installation.storage.symbols() == []


def test_an_import_is_written_down(api, trader) -> None:
    answer = upload(trader, HEADER + GOOD, symbol="AA")
    outcome_of(trader, answer)
    with api.work() as work:
        (entry,) = work.audit.list(actor_id=api.user("trader").id)
    assert (entry.action, entry.target) == ("data.import", f"import:{answer.json()['id']}")


def test_an_import_nobody_began_is_not_found(trader) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    assert trader.get(f"/api/v1/market-data/imports/{unknown}").status_code == 404


def test_what_is_imported_can_be_read_at_once(api, trader) -> None:
    bars = minutes(date(2024, 1, 8))
    api.installation.store("AA", bars)
    text = trader.get("/api/v1/market-data/bars/AA", headers={"Accept": "text/csv"}).text
    outcome_of(trader, upload(trader, text.replace("AA,", "BB,")))
    one, two = (trader.get(f"/api/v1/market-data/bars/{name}").json() for name in ("AA", "BB"))
    assert one["items"] == two["items"]
