"""What an installation is told while it runs, and the log of who changed what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4


class ValueType(StrEnum):
    """Which kind of value an entry of the configuration holds; it keeps its kind."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigEntry:
    """One value of the configuration that is kept in the database, and who set it last.

    `value` is plain JSON of kind `value_type`. `changed_by` is None for the program itself.
    """

    key: str
    value: Any
    value_type: ValueType
    changed_by: UUID | None
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change that somebody made; entries are added and never changed or removed.

    Attributes:
        actor_id: the user; None for the command line and for the program itself.
        actor: what the user was called then, ``cli`` or ``system``.
        action: what was done, as ``user.create``.
        target: what it was done to, as ``user:alice``; None for the whole installation.
        details: plain JSON without secrets.
        address: where the request came from; None when it came from this machine's own program.
        request_id: the request it was part of, as in the log.
    """

    id: UUID
    occurred_at: datetime
    actor_id: UUID | None
    actor: str
    action: str
    target: str | None
    details: Mapping[str, Any]
    address: str | None
    request_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who makes a change, and from where: what is the same in every entry of one request.

    The attributes are those of `AuditEntry`; `api_key_id` is the key that spoke for the actor and
    is named in the details.
    """

    actor: str
    actor_id: UUID | None = None
    api_key_id: UUID | None = None
    address: str | None = None
    request_id: str | None = None

    def entry(
        self,
        action: str,
        target: str | None,
        at: datetime,
        details: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        """A new entry saying that this is who did `action` to `target`."""
        return AuditEntry(
            id=uuid4(),
            occurred_at=at,
            actor_id=self.actor_id,
            actor=self.actor,
            action=action,
            target=target,
            details=dict(details or {}) | self._means(),
            address=self.address,
            request_id=self.request_id,
        )

    def _means(self) -> dict[str, str]:
        return {} if self.api_key_id is None else {"api_key": str(self.api_key_id)}


CLI = Origin(actor="cli")
"""A command typed on the machine itself."""
SYSTEM = Origin(actor="system")
"""The program by itself."""
