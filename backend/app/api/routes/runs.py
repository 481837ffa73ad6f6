"""Runs: ask for one, follow it, cancel it; what those that are over came to."""

from contextlib import suppress
from pathlib import Path as FilePath
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse

from app.api.access import Actor
from app.api.audit import audited, write_down
from app.api.configs import WrittenBody, session_config_of
from app.api.platform import Platform, Served
from app.api.responses import Responses, errors, written
from app.api.schemas.pages import Page, page_of
from app.api.schemas.queries import EquityQuery, RunQuery
from app.api.schemas.record import Equity
from app.api.schemas.runs import (
    Comparison,
    Run,
    RunMetrics,
    RunRequest,
    RunsOnTheirWay,
    RunSummary,
)
from app.core.exceptions import ConfigurationError, DataNotFoundError, WrongStateError
from app.core.run_record import RunRecord
from app.managers.system_manager import RunState, RunTicket
from app.services.analytics.compare import RunSide, compare_runs

router = APIRouter(prefix="/runs", tags=["runs"])

RunId = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-fA-F][0-9a-fA-F-]{0,35}$",
        description="The run's id, or as much of its beginning as no other run has.",
        examples=["4d805789"],
    ),
]
OneOfTwo = Annotated[
    str, Query(pattern=r"^[0-9a-fA-F][0-9a-fA-F-]{0,35}$", description="A run's id.")
]
LONGEST_WAIT_S = 30.0
_WHOLE: Final = 32
"""Digits of an id."""
_PAGE: Responses = {
    200: {
        "description": "The page.",
        "content": {
            "text/html": {
                "schema": {"type": "string"},
                "example": "<!doctype html><title>example_session</title>…",
            }
        },
    }
}


@router.get("", summary="Runs that are over")
def runs(query: Annotated[RunQuery, Query()], platform: Served) -> Page[RunSummary]:
    """The one that ended last comes first. Those on their way are in `/runs/queue`."""
    with platform.work() as work:
        return page_of(RunSummary.of, work.record.runs(query.request()))


@router.post("", status_code=202, responses=errors(400, 409), summary="Ask for a backtest")
def start(
    asked: RunRequest,
    body: WrittenBody,
    platform: Served,
    actor: Actor,
    request: Request,
    response: Response,
) -> Run:
    """It is checked now, run after those that were asked for before, and recorded.

    Every mistake in the config is told in `details`, by the path of its field. A run is as fast
    as the machine is: the config's speed is not heeded.
    """
    config = session_config_of(platform, asked.config, body)
    queue, details = platform.system.get_run_queue(), {"session_name": config.session_name}
    planned = queue.plan(config)
    # what cannot be written down is not run
    with queue.cancelled_on_error(planned), platform.work() as work:
        audited(work, actor, request, "run.start", f"run:{planned.id}", details)
        ticket = queue.enqueue(planned, work.queued_runs)
    response.headers["Location"] = f"{request.url.path.rstrip('/')}/{ticket.id}"
    return Run.of_ticket(ticket)


@router.get("/queue", summary="Runs on their way")
def queue(platform: Served) -> RunsOnTheirWay:
    """The one that is running, then those that wait."""
    tickets = platform.system.get_run_queue().tickets()
    return RunsOnTheirWay(items=[Run.of_ticket(ticket) for ticket in tickets])


@router.get("/compare", responses=errors(404), summary="Two runs side by side")
def compare(
    a: OneOfTwo,
    b: OneOfTwo,
    platform: Served,
    tolerance: Annotated[
        float,
        Query(ge=0, allow_inf_nan=False, description="Numbers may differ by so much."),
    ] = 0.0,
) -> Comparison:
    """Settings that differ, figures, and the first order, fill or bar that differs."""
    sides = [RunSide.of_record(_record(platform, _whole_id(platform, each))) for each in (a, b)]
    return Comparison.of(compare_runs(*sides, tolerance=tolerance))


@router.get(
    "/{run_id}",
    response_model=Run,
    responses=errors(404),
    summary="A run, wherever it stands",
)
def run(
    run_id: RunId,
    platform: Served,
    wait_s: Annotated[
        float,
        Query(
            ge=0,
            le=LONGEST_WAIT_S,
            allow_inf_nan=False,
            description="Answer when it is `until`, or after so many seconds.",
        ),
    ] = 0.0,
    until: Annotated[
        Literal["end", "figures"],
        Query(description="`figures`: `metrics` are there; `end`: all of it is recorded."),
    ] = "end",
) -> Response:
    """While it is on its way: its place, its progress. When it is over: everything it came to."""
    whole_id = _whole_id(platform, run_id)
    ticket = _followed(platform, whole_id, wait_s, figures=until == "figures")
    if ticket is not None and not ticket.state.has_ended:
        return written(Run.of_ticket(ticket))
    try:
        return written(Run.of_record(_record(platform, whole_id)))
    except DataNotFoundError:
        if ticket is None:
            raise
        return written(Run.of_ticket(ticket))  # it could not be recorded, and says why


@router.post("/{run_id}/cancel", responses=errors(404, 409), summary="End a run")
def cancel(run_id: RunId, platform: Served, actor: Actor, request: Request) -> Run:
    """One that waits is not begun; one that runs ends where it is. Both are recorded so."""
    runs, whole_id = platform.system.get_run_queue(), _whole_id(platform, run_id)
    session = _session_ticket(platform, whole_id)
    if session is not None and not session.state.has_ended:
        raise WrongStateError(f"run {whole_id} is the session's: end it by /system/stop")
    if runs.ticket(whole_id) is None:
        record = _record(platform, whole_id)
        raise WrongStateError(
            f"run {record.id} is {record.status}: there is nothing left to cancel"
        )
    ticket = runs.cancel(whole_id)
    write_down(request, actor, "run.cancel", f"run:{ticket.id}")
    return Run.of_ticket(ticket)


@router.get("/{run_id}/metrics", responses=errors(404), summary="Its figures")
def metrics(run_id: RunId, platform: Served) -> RunMetrics:
    """Of the account, and each strategy's part of it."""
    return RunMetrics.of(_record(platform, _whole_id(platform, run_id)))


@router.get("/{run_id}/equity", responses=errors(404), summary="Its equity curve")
def equity(run_id: RunId, query: Annotated[EquityQuery, Query()], platform: Served) -> Page[Equity]:
    """Oldest first: every session's close, and minutes evenly between them."""
    whole_id = _whole_id(platform, run_id)
    with platform.work() as work:
        account = work.trading.account_of_run(work.runs.get(whole_id).id)
        return page_of(Equity.model_validate, work.record.equity(account.id, query.request()))


@router.get(
    "/{run_id}/report",
    response_class=FileResponse,
    responses=errors(404) | _PAGE,
    summary="Its report",
)
def report(run_id: RunId, platform: Served) -> FileResponse:
    """One HTML page that opens without a network too."""
    record = _record(platform, _whole_id(platform, run_id))
    path = FilePath(record.folder) / "report.html"
    if not path.is_file():
        raise DataNotFoundError(
            f"the report of run {record.id} is not there; `run report` makes it again"
        )
    return FileResponse(path, media_type="text/html")


def _whole_id(platform: Platform, run_id: str) -> UUID:
    """The run whose id begins so, wherever it stands: a cut id never means another run.

    Raises:
        DataNotFoundError: there is none.
        ConfigurationError: there are several.
    """
    digits = run_id.replace("-", "").lower()
    if len(digits) == _WHOLE:
        return UUID(digits)
    session = platform.system.session_ticket()
    found = set(platform.system.get_run_queue().beginning(digits))
    if session is not None and session.id.hex.startswith(digits):
        found.add(session.id)
    with platform.work() as work, suppress(DataNotFoundError):
        found.add(work.runs.get(digits).id)
    if not found:
        raise DataNotFoundError(f"there is no run {run_id}")
    if len(found) > 1:
        raise ConfigurationError(f"several runs begin with {run_id}: give more of the id")
    return found.pop()


def _record(platform: Platform, run_id: UUID) -> RunRecord:
    with platform.work() as work:
        return work.runs.get(run_id)


def _followed(
    platform: Platform, run_id: UUID, wait_s: float, *, figures: bool
) -> RunTicket | None:
    runs = platform.system.get_run_queue()
    ticket = runs.ticket(run_id)
    if ticket is None:
        if wait_s:
            platform.system.wait_for_run(run_id, wait_s)
        return _session_ticket(platform, run_id)
    if not wait_s:
        return ticket
    return runs.wait(run_id, wait_s, _has_figures if figures else _has_ended)


def _session_ticket(platform: Platform, run_id: UUID) -> RunTicket | None:
    """The session's run, if it is that one."""
    ticket = platform.system.session_ticket()
    return ticket if ticket is not None and ticket.id == run_id else None


def _has_figures(state: RunState) -> bool:
    return state.has_figures


def _has_ended(state: RunState) -> bool:
    return state.has_ended
