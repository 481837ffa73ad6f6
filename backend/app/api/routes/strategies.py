"""Strategies that have run: what they are, where they stand, what happened to them."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from app.api.access import Actor
from app.api.audit import audited
from app.api.platform import Served
from app.api.responses import errors
from app.api.schemas.pages import Page, page_of
from app.api.schemas.queries import EventOfStrategyQuery, StrategyQuery
from app.api.schemas.record import Event, Strategy, StrategyChange
from app.core.instants import utc

router = APIRouter(prefix="/strategies", tags=["strategies"])


@router.get("", summary="The strategies that are known")
def strategies(query: Annotated[StrategyQuery, Query()], platform: Served) -> Page[Strategy]:
    """By name. A strategy is known from its first run on; with other parameters it is another."""
    with platform.work() as work:
        return page_of(Strategy.of, work.record.strategies(query.request()))


@router.get("/{strategy_id}", responses=errors(404), summary="A strategy")
def strategy(strategy_id: UUID, platform: Served) -> Strategy:
    """Its class, parameters, lifecycle and notes."""
    with platform.work() as work:
        return Strategy.of(work.strategies.get(strategy_id))


@router.patch("/{strategy_id}", responses=errors(400, 404), summary="Change lifecycle or notes")
def change(
    strategy_id: UUID, asked: StrategyChange, platform: Served, actor: Actor, request: Request
) -> Strategy:
    """What is changed is kept among its events, with who changed it in the audit log."""
    now = utc(platform.clock.now_ns())
    given = asked.model_dump(exclude_unset=True)
    with platform.work() as work:
        known = work.strategies.get(strategy_id)
        if asked.lifecycle not in (None, known.lifecycle):
            work.strategies.set_lifecycle(strategy_id, asked.lifecycle, now)
        if "regime_notes" in given and asked.regime_notes != known.regime_notes:
            work.strategies.set_regime_notes(strategy_id, asked.regime_notes)
            note = f"regime notes by {actor.username}"
            work.strategies.add_event(strategy_id, now, "note", note)
        changed = work.strategies.get(strategy_id)
        if changed != known:
            audited(work, actor, request, "strategy.update", f"strategy:{strategy_id}", given)
        return Strategy.of(changed)


@router.get("/{strategy_id}/events", responses=errors(404), summary="What happened to it")
def events(
    strategy_id: UUID, query: Annotated[EventOfStrategyQuery, Query()], platform: Served
) -> Page[Event]:
    """Newest first."""
    asked = query.request()
    request = replace(asked, filters={**asked.filters, "strategy_id": strategy_id})
    with platform.work() as work:
        work.strategies.get(strategy_id)
        return page_of(Event.of_strategy, work.record.strategy_events(request))
