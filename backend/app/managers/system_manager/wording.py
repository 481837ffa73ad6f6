"""Why a run or a strategy ended, in words."""

from app.core.shown import storable
from app.monitoring.secrecy import mask
from app.services.simulation.stepper import StrategyFailure


def ended_alone(failure: StrategyFailure) -> str:
    """A strategy that was ended while others went on."""
    return f"strategy {failure.name} was ended: {in_words(failure.error)}"


def explained(thread: str, error: BaseException) -> str:
    """The thread that failed, and of what."""
    return f"{thread}: {in_words(error)}"


def in_words(error: BaseException) -> str:
    """An error with its kind and the notes added to it.

    Secrets are masked and what no database takes is replaced, for it is kept.
    """
    notes = "; ".join(getattr(error, "__notes__", ()))
    text = f"{type(error).__name__}: {error}" + (f" ({notes})" if notes else "")
    return mask(storable(text), sentences=True)
