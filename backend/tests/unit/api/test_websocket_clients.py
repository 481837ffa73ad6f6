"""One client: what waits for it, what it loses, and what it is told of that."""

import json
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import anyio
import anyio.lowlevel

from app.api.websocket.clients import Client, Message
from app.api.websocket.limits import Limits
from app.api.websocket.protocol import CloseCode
from app.core.users import Principal, Role
from app.monitoring.hub import Figures

LIMITS = Limits(queue_messages=4, queue_chars=1_000)
PATIENCE_S = 30.0


class Wire:
    """A socket that takes messages while its gate is open."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.closed: tuple[int, str | None] | None = None
        self.gate = anyio.Event()

    async def send_text(self, data: str) -> None:
        await self.gate.wait()
        self.told.append(json.loads(data))

    async def close(self, code: int, reason: str | None) -> None:
        self.closed = (code, reason)

    def seen(self) -> list[tuple[str, int]]:
        return [(each["type"], each["seq"]) for each in self.told]


def made(wire: Wire, figures: Figures | None = None) -> Client:
    viewer = Principal(
        user_id=uuid4(), username="v", role=Role.VIEWER, login_id=uuid4(), api_key_id=None
    )
    return Client(wire, viewer, now_ns=lambda: 0, limits=LIMITS, figures=figures or Figures())


def message(
    seq: int, channel: str = "orders", size: int = 0, *, is_snapshot: bool = False
) -> Message:
    told = {"type": channel, "seq": seq, "payload": {"fill": "x" * size}}
    return Message(channel, seq, json.dumps(told), is_snapshot)


async def settle() -> None:
    """Let the sender do what it can."""
    for _ in range(50):
        await anyio.lowlevel.checkpoint()


def play(act: Callable[[Client, Wire], Awaitable[None]], figures: Figures | None = None) -> Wire:
    """Let `act` happen to a client whose sender runs; what went over the wire."""

    async def main() -> Wire:
        wire = Wire()
        client = made(wire, figures)
        client.heard["orders"] = 0
        with anyio.fail_after(PATIENCE_S):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.send_all)
                await act(client, wire)
                wire.gate.set()
                await settle()
                client.say_goodbye(CloseCode.GOING_AWAY, "over")
        return wire

    return anyio.run(main)


def test_a_fast_client_gets_everything_in_order() -> None:
    async def act(client: Client, wire: Wire) -> None:
        wire.gate.set()
        for seq in range(1, 50):
            client.put(message(seq))
            await settle()

    wire = play(act)
    assert wire.seen() == [("orders", seq) for seq in range(1, 50)]
    assert wire.closed == (1001, "over")


def test_a_slow_client_loses_the_oldest_and_is_told_how_many() -> None:
    figures = Figures()

    async def act(client: Client, wire: Wire) -> None:
        client.put(message(1))
        await settle()  # the first is on its way already
        for seq in range(2, 12):
            client.put(message(seq))
        assert (client.queued, figures.queued, figures.lost) == (4, 4, 6)

    wire = play(act, figures)
    assert wire.seen() == [("orders", 1), ("lost", 1), *(("orders", n) for n in (8, 9, 10, 11))]
    assert wire.told[1]["payload"] == {"channel": "orders", "count": 6, "next_seq": 8}
    assert figures.queued == 0


def test_what_waits_is_bounded_in_characters_too() -> None:
    async def act(client: Client, wire: Wire) -> None:
        for seq in range(1, 4):
            client.put(message(seq, size=600))
        assert client.queued == 1

    assert play(act).seen() == [("lost", 1), ("orders", 3)]


def test_replies_come_first_and_are_never_lost() -> None:
    async def act(client: Client, wire: Wire) -> None:
        for seq in range(1, 9):
            client.put(message(seq))
        for _ in range(20):
            client.reply("pong", {})

    seen = play(act).seen()
    assert seen[:20] == [("pong", seq) for seq in range(1, 21)]
    assert seen[20:] == [("lost", 21), *(("orders", n) for n in (5, 6, 7, 8))]


def test_answers_that_wait_are_bounded_in_characters_too() -> None:
    async def act(client: Client, wire: Wire) -> None:
        await client.room_for_replies()
        client.reply("error", {"fill": "x" * LIMITS.reply_chars})
        with anyio.move_on_after(0.02) as patience:
            await client.room_for_replies()
        assert patience.cancelled_caught
        wire.gate.set()
        await client.room_for_replies()

    assert play(act).seen() == [("error", 1)]


def test_who_does_not_read_its_answers_is_not_read_from() -> None:
    async def act(client: Client, wire: Wire) -> None:
        for _ in range(40):
            client.reply("pong", {})
        with anyio.move_on_after(0.02) as patience:
            await client.room_for_replies()
        assert patience.cancelled_caught
        wire.gate.set()
        await client.room_for_replies()

    play(act)


def test_messages_of_a_channel_left_are_not_sent() -> None:
    async def act(client: Client, wire: Wire) -> None:
        client.put(message(1))
        client.forget(["orders"])

    figures = Figures()
    assert play(act, figures).seen() == []
    assert (figures.queued, figures.lost) == (0, 0)


def test_a_channel_that_is_left_and_heard_again_begins_anew() -> None:
    """Its numbers may too; what waited from before is neither told nor lost."""

    async def act(client: Client, wire: Wire) -> None:
        client.put(message(1))
        await settle()  # on its way already
        for seq in range(2, 12):
            client.put(message(seq))
        client.forget(["orders"])
        client.heard["orders"] = 0
        client.reply("subscribed", {})
        client.put(message(1))

    assert play(act).seen() == [("orders", 1), ("subscribed", 1), ("orders", 1)]


def test_a_channel_is_left_while_its_loss_is_being_told() -> None:
    async def act(client: Client, wire: Wire) -> None:
        client.put(message(5))
        await settle()  # its loss is on its way
        client.forget(["orders"])
        client.heard["orders"] = 0
        client.reply("subscribed", {})
        client.put(message(1))

    assert play(act).seen() == [
        ("lost", 1),
        ("orders", 5),
        ("subscribed", 2),
        ("orders", 1),
    ]


async def lose_an_event(client: Client) -> None:
    """While the first message is on its way, so many come that the only event gives way."""
    client.heard["events"] = 0
    client.put(message(1))
    await settle()
    client.put(message(1, "events"))
    for seq in range(2, 6):
        client.put(message(seq))


def test_the_last_message_of_a_channel_is_told_to_be_lost() -> None:
    """Nothing follows it that could tell by its number."""
    figures = Figures()

    async def act(client: Client, wire: Wire) -> None:
        await lose_an_event(client)

    wire = play(act, figures)
    assert wire.seen() == [("orders", 1), ("lost", 1), *(("orders", n) for n in (2, 3, 4, 5))]
    assert wire.told[1]["payload"] == {"channel": "events", "count": 1, "next_seq": 2}
    assert figures.lost == 1


def test_a_loss_is_told_once_by_the_message_that_follows() -> None:
    async def act(client: Client, wire: Wire) -> None:
        await lose_an_event(client)
        client.put(message(2, "events"))

    assert play(act).seen() == [
        ("orders", 1),
        ("lost", 1),
        *(("orders", n) for n in (3, 4, 5)),
        ("lost", 2),
        ("events", 2),
    ]


def test_a_snapshot_takes_the_place_of_the_last_one_and_gives_way_to_no_other_channel() -> None:
    figures = Figures()

    async def act(client: Client, wire: Wire) -> None:
        client.heard |= {"positions": 0, "session": 0}
        client.put(message(1))
        await settle()
        client.put(message(1, "session", is_snapshot=True))
        client.put(message(1, "positions", is_snapshot=True))
        for seq in range(2, 301):
            client.put(message(seq, "positions", is_snapshot=True))
        assert (client.queued, figures.queued, figures.lost) == (2, 2, 299)
        for seq in range(2, 8):
            client.put(message(seq))

    wire = play(act, figures)
    assert wire.seen() == [
        ("orders", 1),
        ("session", 1),
        ("lost", 1),
        ("positions", 300),
        ("lost", 2),
        *(("orders", n) for n in (6, 7)),
    ]
    assert figures.lost == 299 + 4 == sum(m["payload"].get("count", 0) for m in wire.told)


def test_a_client_that_never_reads_costs_no_more_memory_in_a_burst_ten_times_as_large() -> None:
    async def act(client: Client, wire: Wire) -> None:
        for seq in range(1, 1_001):
            client.put(message(seq))
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for seq in range(1_001, 11_001):
            client.put(message(seq))
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert after - before < 20_000
        assert client.queued == 4

    play(act)
