"""Query parameters of lists: which page, in which order, of what."""

from dataclasses import replace
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.api.schemas.instants import Instant
from app.core.enums import OperationMode, OrderStatus, Side
from app.core.exceptions import ConfigurationError
from app.core.paging import DEFAULT_LIMIT, MOST, PageRequest
from app.core.types import MAX_SYMBOL_LENGTH
from app.core.users import Role

_PRINTED = r"^[^\x00-\x1f\x7f]+$"


Symbol = Annotated[str, Field(min_length=1, max_length=MAX_SYMBOL_LENGTH, pattern=_PRINTED)]
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=_PRINTED)]

SYMBOL = Field(None, description="Of this symbol.", examples=["AAPL"])
FROM = Field(None, alias="from", description="From this instant on, with its time zone.")
TO = Field(None, description="Before this instant, with its time zone.")
RUN = Field(None, description="Of this run.")
ACCOUNT = Field(None, description="Of this account.")
STRATEGY = Field(None, description="Of this strategy.")


class ListQuery(BaseModel):
    """Which page of a list."""

    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MOST, description="At most so many items.")
    cursor: str | None = Field(
        None, max_length=512, description="`next_cursor` of the page before; leave it out first."
    )

    def request(self) -> PageRequest:
        """The page as repositories take it, filters by their names in the list."""
        given = self.model_dump(by_alias=True, exclude={"limit", "cursor", "sort"})
        return PageRequest(
            limit=self.limit,
            cursor=self.cursor,
            sort=getattr(self, "sort", None),
            filters={name: _plain(value) for name, value in given.items()},
        )


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


class AccountQuery(ListQuery):
    """A list that may be narrowed to one run or account."""

    run_id: UUID | None = RUN
    account_id: UUID | None = ACCOUNT
    symbol: Symbol | None = SYMBOL


_SORT = (
    "Descending with `-` before it. `recorded` is the order in which things were written down: "
    "run after run, and within one as they happened. Any other needs `run_id` or `account_id`."
)


class OrderQuery(AccountQuery):
    """Which orders."""

    sort: Literal["recorded", "-recorded"] | None = Field(None, description=_SORT)
    strategy_id: UUID | None = STRATEGY
    side: Side | None = None
    status: OrderStatus | None = None
    from_: Instant | None = FROM
    to: Instant | None = TO


class FillQuery(AccountQuery):
    """Which fills."""

    sort: Literal["recorded", "-recorded", "time", "-time"] | None = Field(None, description=_SORT)
    order_id: UUID | None = Field(None, description="Of this order.")
    side: Side | None = None
    from_: Instant | None = FROM
    to: Instant | None = TO


class TradeQuery(AccountQuery):
    """Which trades; times are those of their entry."""

    sort: Literal["recorded", "-recorded", "number", "-number"] | None = Field(
        None, description=_SORT
    )
    strategy_id: UUID | None = STRATEGY
    direction: Literal["long", "short"] | None = None
    is_open: bool | None = Field(None, description="Whether it has no exit yet.")
    from_: Instant | None = FROM
    to: Instant | None = TO


class SignalQuery(AccountQuery):
    """Which signals."""

    sort: Literal["recorded", "-recorded", "time", "-time"] | None = Field(None, description=_SORT)
    strategy_id: UUID | None = STRATEGY
    action: Literal["BUY", "SELL", "HOLD"] | None = None
    executed: bool | None = Field(None, description="Whether anything of it was filled.")
    from_: Instant | None = FROM
    to: Instant | None = TO


class PositionQuery(AccountQuery):
    """Which positions."""

    sort: Literal["recorded", "-recorded", "strategy_id", "-strategy_id"] | None = Field(
        None, description=_SORT
    )
    strategy_id: UUID | None = STRATEGY


class EventSource(StrEnum):
    """What something happened to."""

    STRATEGIES = "strategies"
    ORDERS = "orders"

    @property
    def filters(self) -> tuple[str, ...]:
        """What its events can be narrowed to."""
        own = ("account_id", "order_id") if self is EventSource.ORDERS else ("strategy_id",)
        return ("run_id", *own, "kind", "from", "to")


class EventQuery(ListQuery):
    """Which events."""

    of: EventSource = Field(
        EventSource.STRATEGIES, description="What happened to strategies, or to orders."
    )
    sort: Literal["time", "-time", "recorded", "-recorded"] | None = Field(
        None, description="Strategies' events by `time`, orders' as they were `recorded`."
    )
    run_id: UUID | None = RUN
    account_id: UUID | None = Field(None, description="Of this account; of orders only.")
    strategy_id: UUID | None = Field(None, description="Of this strategy; of strategies only.")
    order_id: UUID | None = Field(None, description="Of this order; of orders only.")
    kind: Name | None = Field(
        None, description="`created`, `lifecycle`, `note` or `ended`; an order's status."
    )
    from_: Instant | None = FROM
    to: Instant | None = TO

    def request(self) -> PageRequest:
        """The page as the repository of `of` takes it.

        Raises:
            ConfigurationError: a filter is given that the events of `of` do not have.
        """
        request, known = super().request(), self.of.filters
        given = {name: value for name, value in request.filters.items() if value is not None}
        strangers = [name for name in given if name not in (*known, "of")]
        if strangers:
            remedy = f"is no filter of events of {self.of}: there are {', '.join(known)}"
            problems = tuple(f"{name}: {remedy}" for name in strangers)
            raise ConfigurationError("; ".join(problems), problems)
        return replace(request, filters={name: given.get(name) for name in known})


class EventOfStrategyQuery(ListQuery):
    """Which events of one strategy."""

    sort: Literal["time", "-time"] | None = None
    kind: Name | None = Field(None, description="`created`, `lifecycle`, `note` or `ended`.")
    from_: Instant | None = FROM
    to: Instant | None = TO


class EquityQuery(ListQuery):
    """Which part of an equity curve."""

    sort: Literal["time", "-time"] | None = None
    session_closes: bool | None = Field(
        None, description="Only session closes, or only what lies between them."
    )
    from_: Instant | None = FROM
    to: Instant | None = TO


class RunQuery(ListQuery):
    """Which runs; times are those at which they ended."""

    sort: Literal["finished_at", "-finished_at", "started_at", "-started_at"] | None = None
    session_name: Name | None = None
    status: Literal["completed", "stopped", "failed"] | None = None
    mode: OperationMode | None = None
    strategy: Name | None = Field(None, description="One of its strategies is called so.")
    symbol: Symbol | None = SYMBOL
    from_: Instant | None = FROM
    to: Instant | None = TO


class StrategyQuery(ListQuery):
    """Which strategies."""

    sort: Literal["name", "-name"] | None = None
    name: Name | None = None
    class_: Name | None = Field(None, alias="class", description="What a config calls its class.")
    timeframe: Annotated[str, Field(max_length=16, pattern=_PRINTED)] | None = None
    lifecycle: Literal["RESEARCH", "PAPER", "LIVE", "RETIRED"] | None = None


class UserQuery(ListQuery):
    """Which users."""

    sort: Literal["username", "-username"] | None = None
    role: Role | None = None
    is_active: bool | None = Field(None, description="Who may log in, or who may not.")


class InvitationQuery(ListQuery):
    """Which invitations."""

    sort: Literal["expires_at", "-expires_at"] | None = None


class KeyQuery(ListQuery):
    """Which API keys."""

    sort: Literal["created_at", "-created_at"] | None = None
    user_id: UUID | None = Field(
        None, description="Of one user; without it one's own, or all for admins."
    )


class AuditQuery(ListQuery):
    """Which entries of the audit log."""

    sort: Literal["occurred_at", "-occurred_at"] | None = None
    actor_id: UUID | None = Field(None, description="Of one user.")
    action: str | None = Field(None, max_length=64, pattern=r"^[a-z_.]+$", examples=["user.create"])
    from_: Instant | None = FROM
    to: Instant | None = TO
