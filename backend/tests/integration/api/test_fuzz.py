"""The OpenAPI document is true, as far as a few examples of each operation can tell.

``python -m tests.fuzz_api 5000`` draws many.
"""

from pathlib import Path

from app.api.app import create_app
from app.managers.system_manager import SystemManager
from tests.fuzz_api import FEW, fuzz, installation


def test_no_operation_breaks_what_the_document_says_of_it(tmp_path: Path) -> None:
    settings = installation(tmp_path)
    system = SystemManager(settings)
    app = create_app(settings, system=system)
    outcome = fuzz(app, settings, examples=FEW)
    system.stop()
    assert not outcome.failures, str(outcome)
    documented = app.openapi()["paths"]
    wanted = {f"{method.upper()} {path}" for path in documented for method in documented[path]}
    assert outcome.operations >= wanted
    assert outcome.statuses[200] > 20
