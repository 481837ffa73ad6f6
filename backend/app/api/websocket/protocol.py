"""What clients and server say to each other over the WebSocket, without a socket.

A client sends JSON objects with an ``action``; the server sends JSON objects with ``type``,
``seq``, ``ts`` and ``payload``, and ``channel`` where one was subscribed to.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, to_json

from app.api.schemas.errors import ErrorBody, ErrorCode, ErrorDetail
from app.core.exceptions import TradingError
from app.core.users import Role
from app.monitoring.channels import Channel, Kind
from app.monitoring.values import utc_text

SUBPROTOCOL = "mismartera"
CHANNEL_ACCESS: Mapping[Kind, Role] = dict.fromkeys(Kind, Role.VIEWER)
"""The least role for each kind of channel."""

_TOKEN, _KEY = "bearer.", "key."
_MOST_SECRET = 4_096
_MOST_NAMED = 64
_MOST_DETAILS = 16
_MOST_SAID = 300
"""Characters of one mistake's description: what a client sent may be part of it."""
_Names = Annotated[
    list[Annotated[str, Field(max_length=128)]], Field(min_length=1, max_length=_MOST_NAMED)
]
_Secret = Annotated[str, Field(min_length=1, max_length=_MOST_SECRET)]


class CloseCode(IntEnum):
    """Why the server closes a connection."""

    GOING_AWAY = 1001
    TRY_AGAIN_LATER = 1013
    UNAUTHENTICATED = 4401
    RATE_LIMITED = 4429


class _Action(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Auth(_Action):
    """Who the client is: an access token or an API key."""

    action: Literal["auth"] = "auth"
    token: _Secret | None = Field(None, repr=False)
    api_key: _Secret | None = Field(None, repr=False)


class Subscribe(_Action):
    """Tell me what happens in these channels."""

    action: Literal["subscribe"]
    channels: _Names


class Unsubscribe(_Action):
    """Tell me no more of these channels."""

    action: Literal["unsubscribe"]
    channels: _Names


class Ping(_Action):
    """Are you there?"""

    action: Literal["ping"]


class Pong(_Action):
    """I am here: the answer to a heartbeat, which needs none."""

    action: Literal["pong"]


Action = Auth | Subscribe | Unsubscribe | Ping | Pong
_ACTIONS: TypeAdapter[Action] = TypeAdapter(Annotated[Action, Field(discriminator="action")])


class ProtocolError(Exception):
    """A message that is not acted on; `body` is what the client is told."""

    def __init__(self, code: ErrorCode, message: str, details: Sequence[ErrorDetail] = ()) -> None:
        super().__init__(message)
        self.body = ErrorBody(code=code, message=message, details=list(details) or None)


# ── what clients say ─────────────────────────────────────────────────────────


def parse(message: str | bytes, *, most_bytes: int) -> Action:
    """Read a client's message.

    Raises:
        ProtocolError: it is too large, not JSON, or not an action.
    """
    size = len(message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message)
    if size > most_bytes:
        raise ProtocolError(
            ErrorCode.PAYLOAD_TOO_LARGE, f"a message has at most {most_bytes} bytes; yours {size}"
        )
    try:
        action = _ACTIONS.validate_json(message)
    except ValidationError as error:
        raise _invalid(error.errors(include_url=False, include_context=False)) from None
    if isinstance(action, Auth) and (action.token is None) == (action.api_key is None):
        raise ProtocolError(
            ErrorCode.VALIDATION_ERROR, "auth needs a `token` or an `api_key`, not both"
        )
    return action


def offered_credential(subprotocols: Iterable[str]) -> Auth | None:
    """The token or key among the subprotocols a client offers; None without one."""
    for offered in subprotocols:
        if len(offered) > _MOST_SECRET:
            continue
        if token := offered.removeprefix(_TOKEN) if offered.startswith(_TOKEN) else "":
            return Auth(token=token)
        if key := offered.removeprefix(_KEY) if offered.startswith(_KEY) else "":
            return Auth(api_key=key)
    return None


def parse_channels(names: Sequence[str], role: Role) -> list[Channel]:
    """The channels of `names`, which `role` may hear.

    Raises:
        ProtocolError: naming those that are unknown, some of many, or one not for `role`.
    """
    channels, unknown = [], []
    for number, name in enumerate(names):
        try:
            channels.append(Channel.parse(name))
        except TradingError as error:
            unknown.append(_detail(f"channels.{number}", str(error)))
            if len(unknown) == _MOST_DETAILS:
                break
    if unknown:
        text = "; ".join(each.message for each in unknown[:3])
        raise ProtocolError(ErrorCode.VALIDATION_ERROR, text, unknown)
    for channel in channels:
        needed = CHANNEL_ACCESS[channel.kind]
        if role.rank < needed.rank:
            raise ProtocolError(
                ErrorCode.FORBIDDEN, f"{channel.name} needs the role {needed}; yours is {role}"
            )
    return channels


def _detail(field: str, message: str) -> ErrorDetail:
    """One mistake, without the end of what is long."""
    return ErrorDetail(field=_cut(field), message=_cut(message))


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]}…"


def _invalid(problems: Sequence[ErrorDetails]) -> ProtocolError:
    """Where and what; never the value itself, which may be a secret."""
    details = [
        _detail(".".join(str(part) for part in each["loc"][1:]), each["msg"])
        for each in problems[:_MOST_DETAILS]
    ]
    text = "; ".join(f"{each.field}: {each.message}".removeprefix(": ") for each in details[:3])
    return ProtocolError(ErrorCode.VALIDATION_ERROR, text, details)


# ── what the server says ─────────────────────────────────────────────────────


def message(
    type_: str, *, seq: int, now_ns: int, payload: Mapping[str, Any], channel: str | None = None
) -> str:
    """One message as text; numbers that are not finite become null.

    Raises:
        PydanticSerializationError: if the payload holds what JSON cannot say.
    """
    told = {"type": type_, "seq": seq, "ts": utc_text(now_ns), "payload": payload}
    if channel is not None:
        told["channel"] = channel
    return to_json(told, inf_nan_mode="null").decode()


def error_payload(body: ErrorBody) -> Mapping[str, Any]:
    """An error in the one form errors have."""
    return {"error": body.model_dump(mode="json", exclude_none=True)}
