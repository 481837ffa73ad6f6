"""Alembic migrations, run by `app.models.database.upgrade_database`."""
