"""Every table there is, so that neither a migration nor a check can forget a new one."""

import importlib
import pkgutil
from functools import cache

from sqlalchemy import MetaData

import app.models
from app.models.database import Base


@cache
def all_tables() -> MetaData:
    """What the modules of `app.models` declare, once all of them are imported."""
    for module in pkgutil.iter_modules(app.models.__path__, "app.models."):
        if not module.ispkg:
            importlib.import_module(module.name)
    return Base.metadata
