"""docs/configuration.md is what the models say, and what it shows is true."""

import re
from pathlib import Path

import pytest

from app.core.exceptions import ConfigurationError
from app.models.session_config import SessionConfig, parse_session_config
from app.models.session_config.reference import configuration_reference
from app.models.session_config.wording import fields_of, item_type, variants

DOCUMENT = Path(__file__).resolve().parents[4] / "docs" / "configuration.md"


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text("utf-8") == configuration_reference()


def test_every_field_is_explained_with_an_example() -> None:
    waiting, seen = [SessionConfig], 0
    while waiting:
        for name, field in fields_of(waiting.pop()).items():
            inner = variants(field.annotation) or variants(item_type(field.annotation))
            assert field.description, name
            assert field.examples or inner, name
            waiting.extend(inner)
            seen += 1
    assert seen > 40


def test_the_short_config_in_the_document_is_sound() -> None:
    (config,) = re.findall(r"```json\n(.*?)```", configuration_reference(), re.DOTALL)
    assert parse_session_config(config).strategies[0].class_ == "sma_cross"


def test_the_mistakes_in_the_document_are_the_ones_made() -> None:
    text = configuration_reference()
    (config,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (shown,) = re.findall(r"```text\n(.*?)\n```", text, re.DOTALL)
    broken = config.replace('["AAPL"]', '["AAPL"], "simbols": []').replace("0.005", "-1")
    with pytest.raises(ConfigurationError) as refusal:
        parse_session_config(broken, "session_configs/mine.json")
    assert str(refusal.value) == shown
