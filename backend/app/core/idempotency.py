"""Requests that may be sent twice and are done once."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """What names a request: who sends it, the method and path, and the key the sender chose.

    What an API key sent is its own: one of narrower scopes is told nothing of what a wider one did.
    """

    user_id: UUID
    api_key_id: UUID | None
    route: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """What a request was answered with.

    `fingerprint` is HMAC-SHA-256 of its body, which may hold a password, under a key of the
    installation. `body` is None where the answer is not kept.
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
