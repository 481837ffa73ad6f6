"""The table of `docs/security.md` that says who may use which route, made from the one table.

``python -m app.api.roles ../docs/security.md`` renews it in place.
"""

import re
import sys
from pathlib import Path

from app.api.access import ACCESS

_PLACE = re.compile(r"(?<=<!-- roles -->\n).*?(?=<!-- /roles -->)", re.DOTALL)


def roles_table() -> str:
    """The table in Markdown, by path and then by method."""
    rules = sorted(ACCESS.items(), key=lambda rule: rule[0].split(" ")[::-1])
    rows = [f"| `{rule}` | {'anybody' if role is None else role.value} |" for rule, role in rules]
    return "\n".join(["| route | least role |", "|---|---|", *rows]) + "\n"


def with_roles(page: str) -> str:
    """`page` with the table as it is now between its two marks."""
    return _PLACE.sub(lambda _: roles_table(), page)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_roles(path.read_text("utf-8")), "utf-8")
