"""An API with bars, session configs by name, and clients that ask for runs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests import session_strategies
from tests.api_fixtures import Api
from tests.system_fixtures import PATIENCE_S, Gate, minutes, session_config

DAYS = [date(2024, 3, day) for day in (4, 5, 6)]
ENDED = {"completed", "stopped", "failed"}
SAMPLE = {
    "bracketed": ("tests.session_strategies:Bracketed", {}),
    "buyer": ("tests.session_strategies:Buyer", {"on": 5}),
}
COSTS = {
    "starting_cash": 100_000,
    "commission": {"model": "per_order", "rate": 2.0},
    "slippage": {"model": "none"},
}


def sample_config(**more: Any) -> dict[str, Any]:
    """Bracketed and Buyer on AAA and BBB, for the first of `DAYS` unless told otherwise."""
    given = {"first": "2024-03-04", "last": "2024-03-04", "strategies": SAMPLE, "execution": COSTS}
    return session_config("AAA", "BBB", **(given | more))


@dataclass
class Runs:
    """Runs asked for by a trader."""

    api: Api
    client: TestClient
    configs: Path

    def named(self, name: str, config: Mapping[str, Any]) -> str:
        (self.configs / f"{name}.json").write_text(json.dumps(config))
        return name

    def start(self, config: Mapping[str, Any], name: str = "sample") -> dict[str, Any]:
        """A run of a config that is on the server, as it stood when it was taken."""
        answer = self.client.post("/api/v1/runs", json={"config": self.named(name, config)})
        assert answer.status_code == 202, answer.text
        return answer.json()

    def get(self, run_id: str, **query: Any) -> dict[str, Any]:
        answer = self.client.get(f"/api/v1/runs/{run_id}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run when it is over."""
        run = self.get(run_id, wait_s=PATIENCE_S)
        assert run["status"] in ENDED, run
        return run

    def finished(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return self.ended(self.start(config)["id"])


@pytest.fixture
def runs(api: Api, tmp_path: Path) -> Iterator[Runs]:
    """AAA and BBB have bars on `DAYS`."""
    configs = tmp_path / "configs"
    configs.mkdir()
    api.settings.session_configs_dir = configs
    api.installation.store("AAA", minutes(*DAYS))
    api.installation.store("BBB", minutes(*DAYS, close=lambda day, minute: 50.0 + minute / 500))
    yield Runs(api, api.as_("trader"), configs)
    api.system.get_run_queue().close()


@pytest.fixture
def held(gate: Gate) -> Iterator[Gate]:
    """Holds every run of `Hooked` at its first bar until it is opened; so nothing else runs."""
    session_strategies.HOOKS["on_bar"] = gate
    yield gate
    gate.opened.set()
    session_strategies.HOOKS.clear()


HELD = sample_config(strategies={"held": ("tests.session_strategies:Hooked", {})}, name="held")
