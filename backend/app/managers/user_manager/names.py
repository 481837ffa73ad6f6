"""Which names, addresses and labels are taken down."""

import re

from app.core.exceptions import ConfigurationError

USERNAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_PART = r"[^@\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
"""Spaces one by one: what ``\\s`` means differs between Python and who reads the document."""
EMAIL = rf"{_PART}{{1,64}}@{_PART}{{1,189}}"
LABEL = r"[^\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]{1,64}"
"""One line, read as it is written: nothing that is not seen or turns the direction around."""

_RESERVED = ("cli", "system", "anonymous")
"""What the audit log calls those who are no users."""


def require_username(name: str) -> str:
    """`name` in lower case, as users are known.

    Raises:
        ConfigurationError: it has other characters than names have, or means somebody else.
    """
    if re.fullmatch(USERNAME, name) is None:
        raise _refusal(
            "username", name, "take 1 to 64 letters, digits, `.`, `_`, `-`, a letter or digit first"
        )
    if name.lower() in _RESERVED:
        raise _refusal("username", name, "the audit log uses it; take another")
    return name.lower()


def require_email(email: str | None) -> str | None:
    """`email` as it is, None included.

    Raises:
        ConfigurationError: it does not look like one.
    """
    if email is not None and re.fullmatch(EMAIL, email) is None:
        raise _refusal("email", email, "write name@example.org, or leave it out")
    return email


def require_label(label: str) -> str:
    """`label` without blanks around it.

    Raises:
        ConfigurationError: nothing is left, or it is not one short line.
    """
    if re.fullmatch(LABEL, label.strip()) is None:
        raise _refusal("name", label, "take 1 to 64 characters in one line, all of them visible")
    return label.strip()


def _refusal(field: str, value: str, remedy: str) -> ConfigurationError:
    message = f"{field}: {value!r} cannot be taken; {remedy}"
    return ConfigurationError(message, (message,))
