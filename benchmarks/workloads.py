"""The workloads: their parameters, what a case does, and the one answer every engine gives."""

from dataclasses import dataclass

CASH = 1_000_000.0
QUANTITY = 100
COMMISSION_PER_SHARE = 0.005
FAST, SLOW = 10, 30
EXIT_DISTANCE, STEP = 0.50, 0.02
"""W3: from the close it is decided at, how far its exits are, and its limits and stops."""
TIE = 1e-6
"""Averages closer than this are equal, and equal averages are no signal."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run ended with: money and fills, or a digest of the rows where nothing trades."""

    cash: float | None = None
    fills: int | None = None
    digest: str | None = None

    def agrees(self, other: "Answer") -> bool:
        """Equal, cash to the cent."""
        return (_cents(self.cash), self.fills, self.digest) == (
            _cents(other.cash),
            other.fills,
            other.digest,
        )

    def __str__(self) -> str:
        if self.fills is None:
            return f"rows {self.digest}"
        return f"{self.fills:,} fills, cash {self.cash:,.2f}"


def _cents(cash: float | None) -> int | None:
    return None if cash is None else round(cash * 100)


class Case:
    """One engine doing one workload. Built once; then prepare, run, answer, finish, repeatedly.

    Only `run` is timed.
    """

    def prepare(self) -> None:
        """Renew what a run uses up."""

    def run(self) -> object:
        """Do the work and return its result."""
        raise NotImplementedError

    def answer(self, result: object) -> Answer:
        """What the result says."""
        raise NotImplementedError

    def seconds(self, wall_s: float) -> float:
        """How long the run took, where it knows better than the clock around it."""
        return wall_s

    def finish(self) -> None:
        """Let go of what `prepare` made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A piece of work on one data set, and its answer."""

    name: str
    dataset: str
    what: str
    expected: Answer


_W1 = Answer(997_461.00, 3_840)
_SMA = f"SMA {FAST}/{SLOW}"

W1 = Workload(
    name="W1",
    dataset="D1",
    what=f"one symbol, 252 sessions, {_SMA} on one-minute closes",
    expected=_W1,
)
W2 = Workload(
    name="W2",
    dataset="D2",
    what=f"50 symbols in one account, 20 sessions, {_SMA} on five-minute closes, fills by minute",
    expected=Answer(573_039.50, 3_023),
)
W3 = Workload(
    name="W3",
    dataset="D1",
    what="one symbol, 252 sessions, entries of every type, two exits in flight on nearly every bar",
    expected=Answer(980_257.50, 1_423),
)
FRESH = Workload(
    name="fresh", dataset="D1", what="a new process: start, imports, load D1, W1", expected=_W1
)
READ = Workload(
    name="read",
    dataset="D3",
    what="10 symbols, 1,260 sessions from Parquet files into numpy columns",
    expected=Answer(digest="64bb1dde229c752c"),
)
AGGREGATIONS = tuple(
    Workload(
        name=f"W4-{interval}",
        dataset="D3",
        what=f"one-minute bars of 10 symbols, 1,260 sessions to {interval} by session",
        expected=Answer(digest=digest),
    )
    for interval, digest in (
        ("5m", "24fa6eb7ba5626a5"),
        ("15m", "ac9254d16fa5b598"),
        ("1h", "c8e7132735230ee2"),
        ("1d", "486dd365619fb469"),
    )
)
WORKLOADS = {workload.name: workload for workload in (W1, W2, W3, FRESH, *AGGREGATIONS, READ)}
