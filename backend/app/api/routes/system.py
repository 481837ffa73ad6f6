"""The system: start a session, steer it, see what it does."""

from contextlib import suppress

from fastapi import APIRouter, Request, Response

from app.api.access import Actor
from app.api.audit import write_down
from app.api.configs import WrittenBody, session_config_of
from app.api.platform import Platform, Served
from app.api.responses import errors, written
from app.api.schemas.system import ConfigNames, SpeedRequest, StartRequest, Status, StepRequest
from app.core.enums import SystemState
from app.core.exceptions import WrongStateError
from app.models.session_config import list_named

router = APIRouter(prefix="/system", tags=["system"])


@router.get("/status", response_model=Status, summary="What the system is doing")
def status(platform: Served) -> Response:
    """State, session, progress, speed, threads, and the reason if the session failed."""
    return written(Status.of(platform.system.status()))


@router.get("/configs", summary="The session configs that can be started by name")
def configs(platform: Served) -> ConfigNames:
    """Files of the folder of session configs, without their ending."""
    return ConfigNames(items=list(list_named(platform.settings.session_configs_dir)))


@router.post("/start", status_code=202, responses=errors(400, 409), summary="Start a session")
def start(
    asked: StartRequest, written: WrittenBody, platform: Served, actor: Actor, request: Request
) -> Status:
    """Validate a session config and start its run; it goes on after the response.

    Every mistake in the config is told in `details`, by the path of its field in the config.
    """
    config = session_config_of(platform, asked.config, written)
    platform.system.start(config, paused=asked.paused)
    return _steered(platform, actor, request, "start", paused=asked.paused)


@router.post("/stop", responses=errors(409), summary="End the session where it is")
def stop(platform: Served, actor: Actor, request: Request) -> Status:
    """What it did until then is recorded."""
    platform.system.require_running("stop")
    platform.system.stop()
    return _steered(platform, actor, request, "stop")


@router.post("/pause", responses=errors(409), summary="Hold the session before its next bar")
def pause(platform: Served, actor: Actor, request: Request) -> Status:
    """Time stands still until it is resumed or stepped; nothing happens if it does already."""
    platform.system.pause()
    return _steered(platform, actor, request, "pause")


@router.post("/resume", responses=errors(409), summary="Let a paused session go on")
def resume(platform: Served, actor: Actor, request: Request) -> Status:
    """At its speed; nothing happens if it is not paused."""
    platform.system.resume()
    return _steered(platform, actor, request, "resume")


@router.post("/step", responses=errors(400, 409), summary="Let a paused session go on by bars")
def step(
    platform: Served, actor: Actor, request: Request, asked: StepRequest | None = None
) -> Status:
    """Play one instant at which bars close, or several, and hold the session again.

    Fewer than were asked for are played of a session that ends before.
    """
    count = asked.count if asked else 1
    platform.system.step()
    played = 1
    with suppress(WrongStateError):  # it ended after what was played
        while played < count and platform.system.state is SystemState.PAUSED:
            platform.system.step()
            played += 1
    return _steered(platform, actor, request, "step", count=played)


@router.put("/speed", responses=errors(400, 409), summary="How fast time goes")
@router.post("/speed", responses=errors(400, 409), summary="How fast time goes")
def speed(asked: SpeedRequest, platform: Served, actor: Actor, request: Request) -> Status:
    """From now on, for this session; whatever the speed, its orders are the same."""
    platform.system.set_speed(asked.speed_multiplier)
    return _steered(platform, actor, request, "speed", speed_multiplier=asked.speed_multiplier)


def _steered(
    platform: Platform, actor: Actor, request: Request, action: str, **details: object
) -> Status:
    """Write down what was done to the session; what the system does now."""
    now = platform.system.status()
    target = f"session:{now.session_name}"
    write_down(request, actor, f"session.{action}", target, run_id=str(now.run_id), **details)
    return Status.of(now)
