"""Requests that may be sent twice and are done once."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """What names a request: who sends it, the method and path, and the key the sender chose."""

    user_id: UUID
    route: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """What a request was answered with.

    `fingerprint` is SHA-256 of its body. `body` is None where the answer is not kept.
    """

    fingerprint: str
    status: int
    content_type: str | None
    location: str | None
    body: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierRequest:
    """A request that was taken on before; `answer` is None if it has none yet, or never will."""

    server_id: UUID
    answer: KeptAnswer | None
