"""How complete the sessions of a run are that have begun."""

from datetime import date
from typing import NamedTuple

import numpy as np

from app.core.types import Floats
from app.managers.system_manager.session_run import SessionRun


class SessionScore(NamedTuple):
    """One session of one symbol; `quality_pct` is NaN while it was not scored."""

    date: date
    quality_pct: float


def scores_of(run: SessionRun) -> dict[str, list[SessionScore]]:
    """Per symbol of a run, its sessions up to the present one, history left out.

    Bars are scored as they are read, which is ahead of the session's time: what has not begun is
    not told.
    """
    first, now = run.plan.first_session, run.board.latest.session
    days = run.plan.sessions.dates[first:].tolist()
    begun = [day for day in days if now is not None and day <= now]
    return {
        symbol: [
            SessionScore(*each) for each in zip(begun, percents[first:].tolist(), strict=False)
        ]
        for symbol, percents in run.quality.percentages.items()
    }


def latest_scores(run: SessionRun) -> dict[str, float | None]:
    """Per symbol of a run the score of its present session, or its last one, in percent.

    None before the first session has begun, and while that one was not scored.
    """
    now = run.board.latest.session
    if now is None:
        return dict.fromkeys(run.plan.symbols)
    row = int(run.plan.sessions.dates.searchsorted(np.datetime64(now)))
    percents = {symbol: each.item(row) for symbol, each in run.quality.percentages.items()}
    return {
        symbol: None if percent != percent else percent  # noqa: PLR0124  # NaN: not scored
        for symbol, percent in percents.items()
    }


def mean_scores(run: SessionRun) -> dict[str, float | None]:
    """Per symbol of a run, the mean of `scores_of`; None while nothing was scored."""
    now = run.board.latest.session
    if now is None:
        return dict.fromkeys(run.plan.symbols)
    first, dates = run.plan.first_session, run.plan.sessions.dates
    end = int(np.searchsorted(dates, np.datetime64(now), "right"))
    return {
        symbol: _mean(percents[first:end]) for symbol, percents in run.quality.percentages.items()
    }


def _mean(percents: Floats) -> float | None:
    known = percents[~np.isnan(percents)]
    return float(known.mean()) if len(known) else None
