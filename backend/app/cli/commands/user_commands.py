"""``user``: who may log in, in which role, and the keys of programs."""

import sys
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli.commands.database_commands import JSON_OPTION

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Users of the API, their invitations and the keys of programs.",
)
Json = Annotated[bool, JSON_OPTION]
Name = Annotated[str, typer.Argument(help="Name of a user, in any case.")]
FromStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read it from the first line of standard input."),
]


class RoleName(StrEnum):
    """`Role`, known without importing anything heavy."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"


class ScopeName(StrEnum):
    """`Scope`, known without importing anything heavy."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"


Role = Annotated[
    RoleName, typer.Option("--role", help="viewer looks, trader trades too, admin manages too.")
]


@app.callback()
def user() -> None:
    """Users of the API, their invitations and the keys of programs."""


@app.command(
    short_help="Add a user; the password is asked for twice.",
    epilog="Example: user create alice --role admin\n\n"
    "Example: user create bob --email bob@example.org --password-stdin",
)
def create(
    name: Annotated[str, typer.Argument(help="Letters, digits, `.`, `_` and `-`.")],
    role: Role = RoleName.VIEWER,
    email: Annotated[str | None, typer.Option("--email", help="Address, kept for admins.")] = None,
    password_stdin: FromStdin = False,
) -> None:
    """Add a user who can log in at once. The password is never an argument: others would see it.

    It needs 12 to 128 characters and must not be among those that are tried first. Whoever shall
    choose a password in private is invited instead: see `user invite`.
    """
    from app.cli.output import console
    from app.core.administration import CLI
    from app.core.users import Role as UserRole

    manager = _manager()
    password = _new_password(from_stdin=password_stdin)
    made = manager.accounts.create(name, password, UserRole(role), CLI, email=email)
    console.print(f"{made.username} may log in as {made.role}", highlight=False)


@app.command(
    "list", short_help="Users by name.", epilog="Example: user list\n\nExample: user list --json"
)
def list_users(as_json: Json = False) -> None:
    """Users by name: role, whether they may log in, when they last did."""
    from app.cli.output import console, print_json
    from app.cli.user_tables import render_users

    found = _every(_manager().accounts.page)
    if as_json:
        print_json(found)
        return
    console.print(render_users(found))


@app.command(short_help="Change what a user may do.", epilog="Example: user role bob trader")
def role(
    name: Name,
    role: Annotated[RoleName, typer.Argument(metavar="ROLE", help="viewer, trader or admin.")],
) -> None:
    """Change what a user may do; the user's logins end. The last active admin stays one."""
    from app.core.users import Role as UserRole

    _change(name, role=UserRole(role))


@app.command(short_help="Let a user log in no longer.", epilog="Example: user deactivate bob")
def deactivate(name: Name) -> None:
    """Let a user log in no longer, and revoke the user's API keys and open invitations for good.

    Logins end at once, except that a server running elsewhere takes access tokens it has given
    out until they expire, within ACCESS_TOKEN_MINUTES. The last active admin stays active.
    """
    _change(name, is_active=False)


@app.command(short_help="Let a user log in again.", epilog="Example: user activate bob")
def activate(name: Name) -> None:
    """Let a user log in again; API keys were revoked and are made anew."""
    _change(name, is_active=True)


@app.command(
    short_help="Make a token that somebody registers with.",
    epilog="Example: user invite --role trader\n\nExample: user invite --hours 24 --json",
)
def invite(
    role: Role = RoleName.VIEWER,
    hours: Annotated[int, typer.Option("--hours", help="How long it holds, at most 720.")] = 72,
    as_json: Json = False,
) -> None:
    """Make a token that somebody registers with, once, choosing name and password in private.

    It is shown once. POST /api/v1/auth/register takes it.
    """
    from app.cli.output import console, print_json
    from app.core.administration import CLI
    from app.core.users import Role as UserRole

    made = _manager().invitations.create(UserRole(role), CLI, hours=hours)
    if as_json:
        print_json(made)
        return
    ends = f"{made.invitation.expires_at:%Y-%m-%d %H:%M}"
    told = f"whoever has this token becomes {role}, once, until {ends} UTC:\n{made.token}"
    console.print(told, highlight=False, soft_wrap=True)


@app.command(
    short_help="Give a user another password, asked for twice.",
    epilog="Example: user password alice\n\nExample: user password alice --password-stdin",
)
def password(name: Name, password_stdin: FromStdin = False) -> None:
    """Give a user another password; every login of the user ends, as for `user deactivate`.

    Open invitations that the user made are revoked, and API keys of scope admin.
    """
    from app.cli.output import console
    from app.core.administration import CLI

    manager = _manager()
    found = manager.accounts.named(name)
    manager.accounts.set_password(found.id, _new_password(from_stdin=password_stdin), CLI)
    console.print(f"{found.username} has another password", highlight=False)


@app.command(
    short_help="API keys of a user.",
    epilog="Example: user keys alice\n\nExample: user keys bob --json",
)
def keys(name: Name, as_json: Json = False) -> None:
    """API keys of a user by name, revoked ones included; of a secret only how it begins."""
    from app.cli.output import console, print_json
    from app.cli.user_tables import render_keys

    manager = _manager()
    found = manager.keys.of_user(manager.accounts.named(name).id)
    if as_json:
        print_json(found)
        return
    console.print(render_keys(found))


@app.command(
    "add-key",
    short_help="Make an API key of a user.",
    epilog="Example: user add-key alice 'night batch' --scope read --days 90\n\n"
    "Example: user add-key alice desk --scope read --scope trade",
)
def add_key(
    name: Name,
    label: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[ScopeName], typer.Option("--scope", help="What it may do, within the user's role.")
    ],
    days: Annotated[
        int | None, typer.Option("--days", help="It expires after so many; else never.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an API key of a user. It is shown once, and sent as the header X-API-Key."""
    from app.cli.output import console, print_json
    from app.core.administration import CLI
    from app.core.users import Scope

    manager = _manager()
    owner = manager.accounts.named(name)
    made = manager.keys.create(owner.id, label, [Scope(each) for each in scope], CLI, days=days)
    if as_json:
        print_json(made)
        return
    told = f"key {made.api_key.name!r} of {owner.username}, shown this once:\n{made.secret}"
    console.print(told, highlight=False, soft_wrap=True)


@app.command(
    "revoke-key",
    short_help="Close an API key for ever.",
    epilog="Example: user revoke-key alice 'night batch'",
)
def revoke_key(
    name: Name, label: Annotated[str, typer.Argument(help="The key's name, as `user keys` has it.")]
) -> None:
    """Close an API key for ever, at once, in servers that run too."""
    from app.cli.output import console
    from app.core.administration import CLI
    from app.core.exceptions import DataNotFoundError

    manager = _manager()
    owner = manager.accounts.named(name)
    found = [key.id for key in manager.keys.of_user(owner.id) if key.name == label]
    if not found:
        raise DataNotFoundError(f"{owner.username} has no key {label!r}: see `user keys {name}`")
    manager.keys.revoke(found[0], CLI)
    console.print(f"key {label!r} of {owner.username} opens nothing any more", highlight=False)


def _manager() -> Any:
    from app.config.settings import get_settings
    from app.managers.time_manager.clock import SystemClock
    from app.managers.user_manager import UserManager

    return UserManager(get_settings(), clock=SystemClock())


def _every(page_of: Any) -> list[Any]:
    """All items of a list that is read in pages."""
    from app.core.paging import MOST, PageRequest

    items: list[Any] = []
    cursor = None
    while True:
        page = page_of(PageRequest(limit=MOST, cursor=cursor))
        items += page.items
        cursor = page.next_cursor
        if cursor is None:
            return items


def _change(name: str, **change: Any) -> None:
    from app.cli.output import console
    from app.core.administration import CLI

    manager = _manager()
    user_id: UUID = manager.accounts.named(name).id
    user = manager.accounts.change(user_id, CLI, **change)
    may = f"may log in as {user.role}" if user.is_active else "may not log in"
    console.print(f"{user.username} {may}", highlight=False)


def _new_password(*, from_stdin: bool) -> str:
    """From the first line of standard input, or asked for twice on the terminal, unseen."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="Once more"))
