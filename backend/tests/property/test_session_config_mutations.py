"""A spoilt config is never accepted, and the refusal names the spoilt field."""

import copy
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.exceptions import ConfigurationError
from app.models.session_config import parse_session_config, read_session_config
from app.models.session_config.wording import path_text

EXAMPLE_TEXT = (
    Path(__file__).resolve().parents[2] / "session_configs" / "example_session.json"
).read_text()
EXAMPLE = json.loads(EXAMPLE_TEXT)

WRONG: dict[type, list[Any]] = {
    str: [5, 0.5, True, [], {}],
    int: ["5", "", True, [], {}, [5]],
    float: ["0.5", False, [], {}],
    bool: [0, 1, "true", "no", []],
    list: [{}, "AAPL", 5, True],
    dict: [[], "AAPL", 5, False],
}


class Mutation(NamedTuple):
    kind: str
    path: tuple[str | int, ...]
    text: str


def nodes(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    yield path, value
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from nodes(inner, (*path, key))


def replaced(path: tuple[str | int, ...], value: Any) -> str:
    config = copy.deepcopy(EXAMPLE)
    inner = config
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return json.dumps(config)


def with_key_twice(path: tuple[str | int, ...]) -> str:
    marker = "written-once-more"
    *section, key = path
    inner = EXAMPLE
    for part in section:
        inner = inner[part]
    text = replaced((*section, marker), inner[key])
    return text.replace(json.dumps(marker), json.dumps(key))


def mutations() -> Iterator[Mutation]:
    for path, value in nodes(EXAMPLE):
        free = "parameters" in path[:-1]  # a parameter is any number, text or true/false
        if isinstance(value, dict) and path[-1:] not in (("parameters",), ("indicators",)):
            for name in ("surprise", "Symbols ", "", "data_streams"):
                yield Mutation("unknown", (*path, name), replaced((*path, name), 1))
        if not path:
            continue
        wrong = [[], {}] if free else WRONG[type(value)]
        for other in (*wrong, None):
            yield Mutation("type", path, replaced(path, other))
        if isinstance(value, int | float) and not isinstance(value, bool) and not free:
            for negative in (-1, -0.5, -(10**9)):
                yield Mutation("negative", path, replaced(path, negative))
            for text in ("NaN", "Infinity", "1e400"):
                yield Mutation("number", path, replaced(path, "@").replace('"@"', text))
        if isinstance(path[-1], str):
            yield Mutation("duplicate", path, with_key_twice(path))


ALL = list(mutations())


def refusal_of(text: str) -> ConfigurationError | None:
    try:
        parse_session_config(text)
    except ConfigurationError as error:
        return error
    return None


def test_the_example_itself_is_accepted() -> None:
    assert refusal_of(EXAMPLE_TEXT) is None
    assert {mutation.kind for mutation in ALL} == {
        "unknown",
        "type",
        "negative",
        "number",
        "duplicate",
    }


def test_two_hundred_mutations_are_all_refused_with_path_and_hint() -> None:
    chosen = random.Random(20251103).sample(ALL, 200)  # noqa: S311  # a fixed draw
    accepted, unclear = judged(chosen)
    assert not accepted
    assert not unclear


def test_every_other_mutation_is_refused_as_well() -> None:
    accepted, unclear = judged(ALL)
    assert len(ALL) > 400
    assert not accepted
    assert not unclear


def judged(chosen: list[Mutation]) -> tuple[list[Mutation], list[tuple[Mutation, str]]]:
    accepted, unclear = [], []
    for mutation in chosen:
        error = refusal_of(mutation.text)
        if error is None:
            accepted.append(mutation)
        elif not is_clear(error, mutation):
            unclear.append((mutation, str(error)))
    return accepted, unclear


def is_clear(error: ConfigurationError, mutation: Mutation) -> bool:
    (problem, *others) = error.problems
    place, _, sentence = problem.partition(": ")
    hints = (
        " wanted",
        "did you mean",
        "belongs in",
        "fields here are",
        "keep one",
        "use ",
        "leave",
    )
    has_hint = any(hint in sentence for hint in (*hints, "field here is", "write one like"))
    return not others and place == path_text(mutation.path) and has_hint


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["all", "1m", "10d", "2025-11-03", "none", "ALPHA"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=5) | st.sampled_from(["model", "rate"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([path for path, _ in nodes(EXAMPLE)]), JSON)
def test_whatever_stands_in_a_field_the_answer_is_a_config_or_a_refusal(
    path: tuple[str | int, ...], value: Any
) -> None:
    text = replaced(path, value) if path else json.dumps(value)
    error = refusal_of(text)
    if error is None:
        config = parse_session_config(text)
        assert read_session_config(config.to_dict()) == config
    else:
        assert error.problems
        assert all(problem.isprintable() for problem in error.problems)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(EXAMPLE_TEXT) - 1), st.integers(1, 30), st.text(max_size=3))
def test_a_damaged_text_is_a_config_or_a_refusal(position: int, length: int, put: str) -> None:
    text = EXAMPLE_TEXT[:position] + put + EXAMPLE_TEXT[position + length :]
    error = refusal_of(text)
    assert error is None or error.problems


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1' + ',"a":1' * 100_000 + "}",
        "{" + ",".join(f'"field{k}":1' for k in range(60_000)) + "}",
        replaced(("session_data_config", "symbols"), ["ALPHA"] * 100_000),
        replaced(("session_data_config", "symbols"), [f"S{k % 50_000}" for k in range(100_000)]),
        replaced(("session_data_config", "symbols"), list(range(100_000))),
        replaced(("strategies",), [EXAMPLE["strategies"][0]] * 5_000),
    ],
    ids=["one key", "many keys", "one symbol", "many symbols", "numbers", "strategies"],
)
def test_a_large_mistake_is_refused_quickly(text: str) -> None:
    began = time.process_time()
    error = refusal_of(text)
    assert error is not None
    assert 1 <= len(error.problems) <= 50
    assert time.process_time() - began < 5


def test_a_mutation_that_is_no_mistake_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        assert not judged([Mutation("type", ("session_name",), EXAMPLE_TEXT)])[0]
