"""docs/websocket.md: its client runs, and its tables say what the code says."""

import json
import re

import pytest

from app.api.schemas.errors import ErrorCode
from app.api.websocket.limits import Limits
from app.api.websocket.protocol import CloseCode
from app.api.websocket.serving import FRAMES_PER_S
from app.config.settings import HOME
from app.core.users import Role
from app.managers.data_manager.sample import make_sample
from app.monitoring.channels import Kind
from tests.api_fixtures import api
from tests.api_server import live, viewer_token
from tests.system_fixtures import installation, until
from tests.unit.docs.conftest import REPOSITORY, blocks

__all__ = ["api", "installation", "live", "viewer_token"]
PAGE = (REPOSITORY / "docs" / "websocket.md").read_text("utf-8")


@pytest.fixture
def config():
    return json.loads((HOME / "session_configs" / "example_session.json").read_text())


def test_the_client_in_ten_lines(api, live, viewer_token, config, capsys):
    make_sample(api.settings)
    (code,) = blocks("docs/websocket.md", "python")
    assert len(code.splitlines()) == 10
    names = {"url": f"ws://{live.address}/api/websocket/stream", "token": viewer_token}
    code = code.replace("    for text", "    start()\n    for text")
    exec(compile(code, "docs/websocket.md", "exec"), names | {"start": starter(api.system, config)})  # noqa: S102
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("authenticated 1 {'username': 'viewer', 'role': 'viewer'")
    assert told[1].startswith("subscribed 2 {'channels': {'bars:ALPHA:1m': 0, 'events': 0}}")
    assert any(line.startswith("bars 1 {'symbol': 'ALPHA', 'interval': '1m'") for line in told)
    assert "run.ended" in told[-1]


def starter(system, config):
    """Starts the session once the client has subscribed."""

    def start():
        until(lambda: "events" in system.hub.wanted)
        config["backtest_config"]["end_date"] = config["backtest_config"]["start_date"]
        config["backtest_config"]["speed_multiplier"] = 0  # many bars in few messages
        system.start(config)

    return start


def test_every_kind_of_channel_is_described():
    rows = re.findall(r"^\| `([a-z]+)[^`]*` \| `([a-z]+)` \|", PAGE, re.MULTILINE)
    assert dict(rows) == {kind.value: kind.value for kind in Kind}


def test_the_limits_are_those_of_the_code():
    limits = Limits()
    section = PAGE.split("## Limits")[1]
    for text in (
        f"| {limits.connections}, {limits.per_user} |",
        f"| {limits.pending}, of one address {limits.pending_per_address};",
        f"| {limits.subscriptions}, {limits.user_channels}, {limits.channels:,} |",
        f"| {limits.message_bytes // 1024} KiB; at most {limits.subscriptions} channels named;",
        f"| {limits.messages_per_s:g} a second, {2 * limits.messages_per_s:g} at once;",
        f"after {limits.strikes} refusals",
        f"| {1 / limits.flush_s:g} a second;",
        f"| {FRAMES_PER_S:g} a second, {2 * FRAMES_PER_S:g} at once;",
    ):
        assert text in section, text
    assert f"or {limits.reply_chars // 1024} Ki characters of them" in PAGE
    assert f"Up to {limits.queue_messages} messages".lower() in PAGE
    assert f"at most the latest {limits.rows}" in PAGE
    assert f"after {limits.login_s:g} s" in PAGE
    assert f"every {limits.heartbeat_s:g} s" in PAGE
    assert f"closed after {limits.key_checks} of them" in PAGE
    assert f"{limits.share_of_racing:.0%}".replace("%", " %") in PAGE


def test_close_codes_and_errors_are_those_of_the_code():
    codes = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)}
    assert codes == {1007, 1008, 1009, 1011, *CloseCode}
    told = set(re.findall(r"`([A-Z_]+)`", PAGE.split("## What a client hears")[0]))
    assert told - {"CORS_ORIGINS"} <= set(ErrorCode)
    assert Role.VIEWER in PAGE
