"""The commands `slipway user`."""

import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from pydantic import ByteSize, TypeAdapter, ValidationError

from app import cli_support
from app.bootstrap import Application
from app.cli_support import Json, ask_password, card, columns, counted, say, store_runs, with_application
from app.domain.errors import readable_bytes
from app.services.user_admin import Account

user_app = typer.Typer(no_args_is_help=True, help="Accounts.")

Name = Annotated[
    str, typer.Argument(metavar="EMAIL|ID", help="The account's address, or its ID, as in logs.")
]

_MAX_BYTES = 2**63 - 1
"""The column's largest number."""


@user_app.command("list")
def user_list(as_json: Json = False) -> None:
    """List all accounts, the oldest first, with their state, videos and used space."""

    async def show(application: Application) -> None:
        accounts = await application.user_admin.list_all()
        say({"users": [_facts(account) for account in accounts]}, _table(accounts), as_json)

    with_application(show)


@user_app.command("show")
def user_show(name: Name, as_json: Json = False) -> None:
    """Show one account."""

    async def show(application: Application) -> None:
        account = await application.user_admin.find(name)
        say(_facts(account), _card(account), as_json)

    with_application(show)


@user_app.command("create")
def user_create(email: str, as_json: Json = False) -> None:
    """Create an account. Asks for the password, or reads it from standard input."""
    password = ask_password(twice=True)

    async def create(application: Application) -> None:
        user = await application.user_admin.create(email, password)
        say({"id": str(user.id), "email": user.email}, f"Created {user.email}.", as_json)

    with_application(create)


@user_app.command("enable")
def user_enable(name: Name) -> None:
    """Allow a disabled account to sign in again."""

    async def enable(application: Application, account: Account) -> str:
        await application.user_admin.enable(account.id)
        return f"Enabled {account.email}."

    _change(name, enable)


@user_app.command("disable")
def user_disable(name: Name) -> None:
    """Prevent sign-ins, end the sessions and abort the open uploads of an account. Its other videos stay."""

    async def disable(application: Application, account: Account) -> str:
        stopped = await application.user_admin.disable(account.id)
        return f"Disabled {account.email}. {await _clear(application, stopped)}"

    _change(name, disable)


@user_app.command("delete")
def user_delete(name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete an account and all its videos.

    The account can't sign in from now on. Apps and workers remove the videos from the store, and `slipway sweep` does
    if none runs. The account disappears when the store has confirmed twice that their bytes are gone, 5 minutes apart.
    """
    if not (yes or cli_support.has_terminal()):
        raise typer.BadParameter("It asks before it acts, which needs a terminal. Use --yes.")

    async def find(application: Application) -> Account:
        return await application.user_admin.find(name)

    async def delete(application: Application) -> None:
        stopped = await application.user_admin.delete(account.id)
        typer.echo(f"Deleting {account.email}. {await _clear(application, stopped)}")

    # No connection is open while the operator is asked.
    account = with_application(find)
    videos = f"{counted(account.videos, 'video')} ({readable_bytes(account.used_bytes)})"
    typer.echo(
        f"{account.email} has {videos}. They are deleted with the account and can't be restored.", err=True
    )
    if yes or typer.confirm(f"Delete {account.email} and {videos}?", err=True):
        with_application(delete)


@user_app.command("quota")
def user_quota(
    name: Name,
    size: Annotated[str, typer.Argument(metavar="SIZE|default", help="Such as 50GiB, or a number of bytes.")],
) -> None:
    """Set how much space an account may fill. `default` returns to USER_QUOTA_BYTES."""
    quota_bytes = None if size == "default" else _bytes_of(size)

    async def set_quota(application: Application, account: Account) -> str:
        await application.user_admin.set_quota(account.id, quota_bytes)
        changed = await application.user_admin.find(str(account.id))
        full = " It is full, so new uploads are refused." if changed.used_bytes >= changed.quota_bytes else ""
        return f"{changed.email} uses {_space(changed)}.{full}"

    _change(name, set_quota)


@user_app.command("set-password")
def user_set_password(email: str) -> None:
    """End an account's sessions and set a password. Asks for it, or reads it from standard input."""
    password = ask_password(twice=True)

    async def set_password(application: Application) -> None:
        await application.accounts.set_password(email, password)
        typer.echo(f"Set a new password for {email}.")

    with_application(set_password)


def _change(name: str, change: Callable[[Application, Account], Coroutine[Any, Any, str]]) -> None:
    """Find the account, change it, and say what was done."""

    async def work(application: Application) -> None:
        typer.echo(await change(application, await application.user_admin.find(name)))

    with_application(work)


async def _clear(application: Application, stopped: Sequence[uuid.UUID]) -> str:
    """Abort these uploads at the store and return what to tell the operator."""
    if not stopped:
        return "It had no open upload."
    left = await application.user_admin.clear(stopped) if store_runs(application) else None
    if left is None:
        uploads = counted(len(stopped), "open upload")
        return f"The store can't be used now. {uploads} will be aborted as soon as an app or a worker reaches it."
    aborted = f"Aborted {counted(len(stopped) - left, 'open upload')}."
    return f"{aborted} An app or a worker removes {left} more as soon as it can." if left else aborted


def _bytes_of(size: str) -> int:
    try:
        count = TypeAdapter(ByteSize).validate_python(size)
    except ValidationError:
        raise typer.BadParameter(
            f"{size!r} is not a size like 50GiB, 1.5TiB or 1000000, or default."
        ) from None
    if count > _MAX_BYTES:
        raise typer.BadParameter(f"{size!r} is more than {_MAX_BYTES} bytes.")
    return count


def _facts(account: Account) -> dict[str, object]:
    return {**asdict(account), "id": str(account.id), "created_at": account.created_at.isoformat()}


def _card(account: Account) -> str:
    rows = {
        "E-mail": account.email,
        "ID": str(account.id),
        "Name": account.full_name or "-",
        "State": account.state.value,
        "Created": account.created_at.isoformat(timespec="seconds"),
        "Space": _space(account) + (" (its own quota)" if account.quota_is_own else ""),
        "Videos": str(account.videos),
        "Open uploads": str(account.open_uploads),
        "Being removed": str(account.being_removed),
    }
    return card(rows)


def _table(accounts: Sequence[Account]) -> str:
    rows = [("E-MAIL", "STATE", "VIDEOS", "SPACE")]
    rows += [
        (account.email, account.state.value, str(account.videos), _space(account)) for account in accounts
    ]
    return columns(rows)


def _space(account: Account) -> str:
    return f"{readable_bytes(account.used_bytes)} of {readable_bytes(account.quota_bytes)}"
