"""Alembic's environment: migrates the connection it is handed."""

from alembic import context

from app.models import backtest_run, trading_calendar  # noqa: F401 - registers their tables
from app.models.database import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
