"""Configs by name: what a stranger may type leads into the folder or nowhere."""

import os
import string
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.exceptions import ConfigurationError
from app.models.session_config import is_name, list_named, resolve_named

TOUCHED: list[str] = []
_WATCHED = {"open", "os.scandir", "os.listdir", "os.rename", "os.remove", "os.mkdir", "os.chdir"}
_watching = False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event in _WATCHED:
        TOUCHED.append(str(arguments[0]))


sys.addaudithook(_watch)


@contextmanager
def touched() -> Iterator[list[str]]:
    """Every path that Python opens or lists meanwhile."""
    global _watching  # noqa: PLW0603  # an audit hook cannot be taken away again
    TOUCHED.clear()
    _watching = True
    try:
        yield TOUCHED
    finally:
        _watching = False


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of configs, with secrets around it and links to them in it."""
    base = tmp_path_factory.mktemp("installation")
    folder = base / "configs"
    (folder / "inner").mkdir(parents=True)
    (folder / "folder.json").mkdir()
    for secret in (base / "secret.json", base / "secret", folder / "inner" / "deep.json"):
        secret.write_text("{}")
    for name in ("mine.json", "a-2_B.json", "my.own.json", "with space.json", ".hidden.json"):
        (folder / name).write_text("{}")
    (folder / "notes.txt").write_text("not a config")
    (folder / "out.json").symlink_to(base / "secret.json")
    (folder / "up.json").symlink_to("../secret.json")
    (folder / "passwd.json").symlink_to("/etc/passwd")
    (folder / "circle.json").symlink_to("circle.json")
    (folder / "gone.json").symlink_to("nowhere.json")
    (folder / "elsewhere.json").symlink_to("inner/deep.json")
    os.mkfifo(folder / "pipe.json")
    return folder


TARGETS = ("../secret", "../../etc/passwd", "/etc/passwd", "inner/deep", "..", "../configs/mine")
DRESSINGS = (
    "{0}",
    "{0}.json",
    "./{0}",
    "mine/../{0}",
    "{0}\0",
    "{0}\0.json",
    "mine\0{0}",
    " {0}",
    "{0}\n",
    "file://{0}",
    "~/{0}",
    "$HOME/{0}",
    "//{0}",
    "\\\\?\\{0}",
)
ENCODED = (
    lambda text: quote(text, safe=""),
    lambda text: quote(quote(text, safe=""), safe=""),
    lambda text: text.replace("/", "\\"),
    lambda text: text.replace("..", "....//"),
    lambda text: text.replace("/", "\N{FRACTION SLASH}"),
    lambda text: text.replace("/", "\N{FULLWIDTH SOLIDUS}"),
    lambda text: text.replace(".", "\N{FULLWIDTH FULL STOP}"),
    lambda text: text.replace("/", "%c0%af"),
    lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    lambda text: "".join(f"&#{ord(char)};" for char in text),
)
ODDITIES = (
    *("", " ", ".", "...", "-", "--help", "-mine", "mine.", "mine ", " mine", "mine\n", "\tmine"),
    *("mine.json", "mine.JSON", "mine/", "/mine", "mine\r\n", "mine\0", "m\0ine", "mi\u200bne"),
    *("out", "up", "passwd", "circle", "gone", "folder", "pipe", "inner", ".hidden", "my.own"),
    *(
        "with space",
        "m*",
        "m?ne",
        "[m]ine",
        "{mine}",
        "*",
        "**",
        "nul",
        "con",
        "aux",
        "C:",
        "C:mine",
    ),
    *("m\u0131ne", "min\u0435", "\uff4dine", "١٢٣", "mine\u0301", "\u202emine", "\ud800", "\udcff"),
    *("a" * 101, "a" * 100_000, "mine" * 64, "../" * 5_000, "$(id)", "`id`", "mine;id", "mine|id"),
    *("%6dine", "mine#", "mine?x=1", "mine&", "mine'--", '"mine"', "<mine>", "{{7*7}}", "${x}"),
)
PAYLOADS = tuple(
    dict.fromkeys(
        (
            *(dressing.format(target) for target in TARGETS for dressing in DRESSINGS),
            *(encode(target) for target in TARGETS for encode in ENCODED),
            *ODDITIES,
        )
    )
)


def test_there_are_enough_payloads() -> None:
    assert len(PAYLOADS) >= 100


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_hostile_name_is_refused_and_nothing_is_read(home: Path, payload: str) -> None:
    with touched() as paths, pytest.raises(ConfigurationError) as refused:
        resolve_named(home, payload)
    assert set(paths) <= {str(home)}  # listed, for the names in the message
    message = str(refused.value)
    assert message.startswith("config: ")
    assert "holds a-2_B, elsewhere and mine" in message
    assert message.isprintable()
    assert len(message) < 400 + len(str(home))


def test_a_name_leads_to_its_file(home: Path) -> None:
    assert resolve_named(home, "mine") == home.resolve() / "mine.json"
    assert resolve_named(home, "a-2_B") == home.resolve() / "a-2_B.json"


def test_a_link_is_followed_within_the_folder_and_no_further(home: Path, tmp_path: Path) -> None:
    assert resolve_named(home, "elsewhere") == home.resolve() / "inner" / "deep.json"
    (tmp_path / "linked").symlink_to(home)
    assert resolve_named(tmp_path / "linked", "mine") == home.resolve() / "mine.json"
    with pytest.raises(ConfigurationError, match='there is no session config "out"'):
        resolve_named(tmp_path / "linked", "out")


def test_names_are_those_that_can_be_found(home: Path, tmp_path: Path) -> None:
    assert list_named(home) == ("a-2_B", "elsewhere", "mine")
    assert list_named(tmp_path) == ()
    assert list_named(tmp_path / "nowhere") == ()


def test_an_unknown_name_names_those_there_are(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        resolve_named(home, "mien")
    assert str(refused.value) == (
        'config: there is no session config "mien"; did you mean mine? '
        f"{home} holds a-2_B, elsewhere and mine"
    )
    with pytest.raises(ConfigurationError, match=r"holds no session config$"):
        resolve_named(tmp_path, "mine")


def test_what_is_meant_as_a_name() -> None:
    assert all(map(is_name, ("mine", "a-2_B", "", "with space", "~", "mine\0")))
    paths = ("mine.json", "./mine", "a/mine", "/mine", "..", ".", "a\\mine", "~/mine")
    assert not any(map(is_name, paths))


ALPHABET = st.one_of(
    st.sampled_from(
        ["..", "/", "\\", ".", "\0", ".json", "secret", "mine", "out", "inner", "deep"]
    ),
    st.sampled_from(string.ascii_letters + string.digits + "_-%~ \n"),
    st.characters(),
)


@settings(max_examples=300, deadline=None)
@given(text=st.lists(ALPHABET, max_size=8).map("".join))
@example("mine")
@example("elsewhere")
def test_whatever_is_typed_leads_into_the_folder_or_nowhere(home: Path, text: str) -> None:
    try:
        path = resolve_named(home, text)
    except ConfigurationError:
        assert text not in list_named(home)
    else:
        assert text in ("mine", "a-2_B", "elsewhere")
        assert path.is_relative_to(home.resolve())
