"""What is said of session configs over the API tells nobody where on the server they are."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.api.app import create_app
from tests.api_fixtures import Api


@pytest.mark.parametrize("name", ["nope", "../../etc/passwd", "damaged", "mistaken"])
@pytest.mark.parametrize("path", ["/api/v1/system/start", "/api/v1/runs"])
def test_the_folder_of_the_server_is_not_told(
    api: Api, tmp_path: Path, path: str, name: str
) -> None:
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "damaged.json").write_text("{")
    (folder / "mistaken.json").write_text('{"mode": "sideways"}')
    settings = api.settings.model_copy(update={"session_configs_dir": folder})
    app = create_app(settings, system=api.system, clock=api.clock)
    headers = api.as_("trader").headers
    client = TestClient(app, base_url="http://127.0.0.1", headers=headers)
    answer = client.post(path, json={"config": name})
    assert answer.status_code == 422
    assert str(tmp_path) not in answer.text
    if name == "nope":
        assert "the server holds damaged and mistaken" in answer.json()["error"]["message"]
