"""What a WebSocket leaves in the log and in the figures, behind a real uvicorn."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from loguru import logger
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus

from app.monitoring.logs import configure_logging, show_problems_on_terminal
from tests.api_fixtures import Api
from tests.api_server import LiveServer, limit, receive, say
from tests.system_fixtures import until

PATH = "/api/v1/websocket/stream"
_OTHERS = ("GET ", "Shutting down", "Waiting for", "Finished server process")


@pytest.fixture
def log(api: Api) -> Iterator[Path]:
    limit(api)
    path = configure_logging(api.settings.logs_dir, "INFO")
    show_problems_on_terminal()
    yield path
    logger.remove()


def lines(log: Path, number: int) -> list[str]:
    """All lines but those of requests and of the server's end, once there are `number`."""

    def read() -> list[str]:
        text = log.read_text(encoding="utf-8")
        return [line for line in text.splitlines() if not any(each in line for each in _OTHERS)]

    until(lambda: len(read()) >= number)
    return read()


def counted(api: Api, name: str, route: str = PATH) -> dict[str, float]:
    """By status: how many WebSockets the figure `name` knows."""
    told = api.as_("viewer").get("/metrics").text
    return {
        sample.labels.get("status", ""): sample.value
        for family in text_string_to_metric_families(told)
        for sample in family.samples
        if sample.name == name
        and (sample.labels["method"], sample.labels["route"]) == ("WEBSOCKET", route)
    }


@pytest.mark.parametrize(
    ("query", "origin", "status", "route"),
    [
        ("?token=hunter22", None, 400, "unmatched"),
        ("?x=1", None, 400, PATH),
        ("", "http://evil.example", 403, PATH),
    ],
)
def test_a_refused_handshake_is_one_line_and_no_error(
    api: Api,
    live: LiveServer,
    log: Path,
    capsys: pytest.CaptureFixture[str],
    query: str,
    origin: str | None,
    status: int,
    route: str,
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    with pytest.raises(InvalidStatus) as refused:
        live.connect(path=PATH + query, additional_headers=headers)
    response = refused.value.response
    assert response.status_code == status
    live.stop()
    (line,) = lines(log, 1)
    assert "| INFO " in line
    assert response.headers["X-Request-ID"] in line
    assert f" - WEBSOCKET {PATH if route == PATH else route} {status} " in line
    assert "?" not in line
    assert "hunter22" not in line
    assert capsys.readouterr().err == ""
    assert counted(api, "mismartera_requests_total", route) == {str(status): 1.0}


def test_the_ninth_stranger_of_an_address_makes_no_error(
    api: Api, live: LiveServer, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as strangers:
        for _ in range(8):
            strangers.enter_context(live.connect())
        with pytest.raises(InvalidStatus) as refused:
            live.connect()
        assert refused.value.response.status_code == 429
    told = lines(log, 9)
    live.stop()
    assert sum(f"WEBSOCKET {PATH} 429 " in line for line in told) == 1
    assert sum(f"WEBSOCKET {PATH} 101 " in line for line in told) == 8
    assert len(told) == 9
    assert capsys.readouterr().err == ""
    assert counted(api, "mismartera_requests_total") == {"101": 8.0, "429": 1.0}


def test_an_address_that_is_none_is_not_written_down(
    api: Api, live: LiveServer, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        live.connect(path="/hunter22?x=hunter23")
    assert refused.value.response.status_code == 403
    live.stop()
    (line,) = lines(log, 1)
    assert " - WEBSOCKET unmatched 403 " in line
    assert "hunter2" not in line
    assert capsys.readouterr().err == ""
    assert counted(api, "mismartera_requests_total", "unmatched") == {"403": 1.0}


def test_the_user_who_logged_in_is_named(
    api: Api, live: LiveServer, log: Path, viewer_token: str
) -> None:
    with live.client(viewer_token):
        pass
    with live.connect() as socket:
        say(socket, action="auth", token=viewer_token)
        assert receive(socket)["type"] == "authenticated"
    with live.connect() as socket:
        say(socket, action="ping")
        assert receive(socket)["type"] == "error"
    told = sorted(line.split(" ")[-1] for line in lines(log, 3))
    assert told == ["user=-", "user=viewer", "user=viewer"]


def test_how_long_websockets_live_is_not_how_long_requests_take(
    api: Api, live: LiveServer, log: Path, viewer_token: str
) -> None:
    with live.client(viewer_token):
        pass
    with pytest.raises(InvalidStatus):
        live.connect(path=PATH + "?x=1")
    lines(log, 2)
    assert counted(api, "mismartera_requests_total") == {"101": 1.0, "400": 1.0}
    assert counted(api, "mismartera_request_seconds_count") == {}
