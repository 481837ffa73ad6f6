"""Tests of the API run against real databases, stores and sessions."""

from tests.api_fixtures import api
from tests.api_server import limits, live, viewer_token
from tests.integration.api.run_fixtures import held, runs
from tests.system_fixtures import gate, installation

__all__ = ["api", "gate", "held", "installation", "limits", "live", "runs", "viewer_token"]
