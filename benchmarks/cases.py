"""Who does what: every engine's case of every workload, and the targets between them."""

from dataclasses import dataclass

import workloads as work
from workloads import Workload

OURS, PEER = "ours", "peer"
PER_BAR = "MisMartera, per bar"
WOKEN = "MisMartera, woken"
THREADED = "MisMartera, four threads"
RECORDED = "MisMartera, system start"
BARS = "MisMartera"
BACKTESTING = "backtesting.py"
NAUTILUS = "NautilusTrader"
GROUP_BY = "polars group_by"
STREAMING = "polars group_by, streaming"
ONE_FILE = "polars, one file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One engine in one workload: which class of which module, in which environment."""

    workload: Workload
    engine: str
    module: str
    case: str
    arguments: tuple[str, ...] = ()
    environment: str = OURS
    repetitions: int = 9
    is_fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How often `engine` must do its work while `against` does its own once."""

    workload: Workload
    engine: str
    against: str
    at_least: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshTarget:
    """What a new process may cost."""

    engine: str
    below_s: float
    below_mib: float


_MINUTES = {"5m": "5", "15m": "15", "1h": "60", "1d": "390"}


def _aggregations() -> list[Entry]:
    entries = []
    for workload in work.AGGREGATIONS:
        interval = workload.name.removeprefix("W4-")
        minutes = (_MINUTES[interval],)
        entries += [
            Entry(
                workload=workload,
                engine=BARS,
                module="mismartera_bars",
                case="Aggregate",
                arguments=(interval,),
            ),
            Entry(
                workload=workload,
                engine=GROUP_BY,
                module="polars_engine",
                case="Aggregate",
                arguments=minutes,
            ),
            Entry(
                workload=workload,
                engine=STREAMING,
                module="polars_engine",
                case="AggregateStreaming",
                arguments=minutes,
            ),
        ]
    return entries


def _ours(workload: Workload, engine: str, case: str, **options: object) -> Entry:
    return Entry(workload=workload, engine=engine, module="mismartera", case=case, **options)


def _peer(workload: Workload, engine: str, module: str, case: str, **options: object) -> Entry:
    return Entry(
        workload=workload, engine=engine, module=module, case=case, environment=PEER, **options
    )


def _system(engine: str, case: str) -> Entry:
    return Entry(workload=work.W1, engine=engine, module="mismartera_system", case=case)


ENTRIES = (
    _ours(work.W1, PER_BAR, "W1"),
    _ours(work.W1, WOKEN, "W1Woken"),
    _system(THREADED, "W1"),
    _system(RECORDED, "W1Recorded"),
    _peer(work.W1, BACKTESTING, "backtesting_py", "W1", repetitions=7),
    _peer(work.W1, NAUTILUS, "nautilus", "W1", repetitions=5),
    _ours(work.W2, PER_BAR, "W2"),
    _peer(work.W2, NAUTILUS, "nautilus", "W2", repetitions=3),
    Entry(workload=work.W3, engine=PER_BAR, module="mismartera_orders", case="W3"),
    _ours(work.FRESH, PER_BAR, "W1FromFile", repetitions=7, is_fresh=True),
    _peer(work.FRESH, BACKTESTING, "backtesting_py", "W1", repetitions=5, is_fresh=True),
    _peer(work.FRESH, NAUTILUS, "nautilus", "W1", repetitions=3, is_fresh=True),
    *_aggregations(),
    Entry(workload=work.READ, engine=BARS, module="mismartera_bars", case="Read"),
    Entry(workload=work.READ, engine=ONE_FILE, module="polars_engine", case="Read"),
)

TARGETS = (
    Target(workload=work.W1, engine=PER_BAR, against=BACKTESTING, at_least=10.0),
    Target(workload=work.W1, engine=PER_BAR, against=NAUTILUS, at_least=40.0),
    Target(workload=work.W1, engine=THREADED, against=PER_BAR, at_least=0.5),
    Target(workload=work.W2, engine=PER_BAR, against=NAUTILUS, at_least=50.0),
    *(
        Target(workload=workload, engine=BARS, against=GROUP_BY, at_least=1.0)
        for workload in work.AGGREGATIONS
    ),
)
FRESH_TARGET = FreshTarget(engine=PER_BAR, below_s=1.0, below_mib=300.0)
