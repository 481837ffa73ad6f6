"""docs/life_of_a_request.md: walked from top to bottom, against an application of its own."""

import re
from collections.abc import Callable

from app.api.middleware import middleware_of
from app.core.users import Role
from app.managers.data_manager.sample import make_sample
from tests.api_fixtures import Api, api
from tests.system_fixtures import installation
from tests.unit.docs.conftest import REPOSITORY

__all__ = ["api", "installation"]
PAGE = "docs/life_of_a_request.md"


def test_a_request_lives_as_its_page_says(
    api: Api, read_page: Callable[..., dict[str, object]]
) -> None:
    make_sample(api.settings)
    names = read_page(
        PAGE, platform=api.app.state.platform, client=api.anonymous(), token=api.token(Role.TRADER)
    )
    assert "refused" in names  # the page's own assertions have been passed, to the last


def test_the_architecture_names_every_layer_in_its_order(api: Api) -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text("utf-8")
    drawn = re.findall(r"^\| `(\w+)` \|", text.split("## The API")[1], re.MULTILINE)
    assert drawn == [each.cls.__name__ for each in middleware_of(api.app.state.platform)]
