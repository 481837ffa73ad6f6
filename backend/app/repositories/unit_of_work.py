"""One transaction over all repositories."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy.orm import Session

from app.repositories.audit_repository import AuditRepository
from app.repositories.calendar_repository import CalendarRepository
from app.repositories.config_repository import ConfigRepository
from app.repositories.credential_repository import ApiKeyRepository, RefreshTokenRepository
from app.repositories.idempotency_repository import IdempotencyRepository
from app.repositories.invitation_repository import InvitationRepository
from app.repositories.queued_run_repository import QueuedRunRepository
from app.repositories.record_repository import RecordRepository
from app.repositories.run_repository import RunRepository
from app.repositories.strategy_repository import StrategyRepository
from app.repositories.symbol_repository import SymbolRepository
from app.repositories.trading_repository import TradingRepository
from app.repositories.user_repository import UserRepository


class Sessions(Protocol):
    """`app.models.database.SessionLocal`, or the factory of one database."""

    def begin(self) -> AbstractContextManager[Session]:
        """A session that is committed at the end of its block and undone on an error."""


class UnitOfWork:
    """What is done in its ``with`` block is committed together at the end, or not at all.

        with UnitOfWork(SessionLocal) as work:
            user = work.users.add(...)
            work.audit.add(...)

    An error undoes everything since the beginning of the block and is passed on. Nothing else in
    the platform commits.
    """

    db: Session
    users: UserRepository
    api_keys: ApiKeyRepository
    refresh_tokens: RefreshTokenRepository
    invitations: InvitationRepository
    config: ConfigRepository
    symbols: SymbolRepository
    audit: AuditRepository
    calendars: CalendarRepository
    runs: RunRepository
    queued_runs: QueuedRunRepository
    idempotency: IdempotencyRepository
    strategies: StrategyRepository
    trading: TradingRepository
    record: RecordRepository

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._transaction: AbstractContextManager[Session] | None = None

    def __enter__(self) -> Self:
        transaction = self._sessions.begin()
        self.db = db = transaction.__enter__()
        self._transaction = transaction
        self.users = UserRepository(db)
        self.api_keys = ApiKeyRepository(db)
        self.refresh_tokens = RefreshTokenRepository(db)
        self.invitations = InvitationRepository(db)
        self.config = ConfigRepository(db)
        self.symbols = SymbolRepository(db)
        self.audit = AuditRepository(db)
        self.calendars = CalendarRepository(db)
        self.runs = RunRepository(db)
        self.queued_runs = QueuedRunRepository(db)
        self.idempotency = IdempotencyRepository(db)
        self.strategies = StrategyRepository(db)
        self.trading = TradingRepository(db)
        self.record = RecordRepository(db)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.__exit__(kind, error, traceback)
