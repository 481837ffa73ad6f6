"""What is kept of a finished run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

RunStatus: TypeAlias = Literal["completed", "stopped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One backtest run: what was run, on which data, with which code, and how it ended.

    Written once and never changed. Instants are aware and in UTC. A metric that does not
    exist for this run (no trade, one session) is None. Every mapping is plain JSON.

    Attributes:
        reason: why a run stopped or failed; None when it completed.
        strategies: name, class, symbols and parameters of each, in the config's order; ``ended``,
            when and why it was ended before the run was, or None; its ``ledger``, the figures
            of `StrategyLedger`.
        config: the session config as it was validated.
        first_session: first date traded; None when no session began.
        bars: minute bars processed, all symbols.
        sessions: sessions traded to their end.
        data_quality: per symbol, how complete the bars were.
        data_fingerprint: SHA-256 of the bars traded on, in hexadecimal.
        order_hash: SHA-256 of every order and fill: the same run twice has the same hash.
        folder: where the run's files are.
        synthetic: whether any of the data was generated rather than observed.
    """

    id: UUID
    session_name: str
    mode: str
    status: RunStatus
    reason: str | None
    strategies: Sequence[Mapping[str, Any]]
    symbols: Sequence[str]
    config: Mapping[str, Any]
    started_at: datetime
    finished_at: datetime
    first_session: date | None
    last_session: date | None
    bars: int
    sessions: int
    metrics: Mapping[str, float | None]
    data_quality: Mapping[str, Any]
    data_fingerprint: str
    code_version: str
    order_hash: str
    folder: str
    synthetic: bool
