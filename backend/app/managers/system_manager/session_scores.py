"""How complete the sessions of a run are that have begun."""

from datetime import date
from typing import NamedTuple

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
