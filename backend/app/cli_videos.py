"""The commands `slipway video`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from app import cli_support
from app.bootstrap import Application
from app.cli_support import Json, card, columns, counted, say, store_runs, with_application
from app.domain.errors import readable_bytes
from app.domain.video_status import VideoStatus
from app.models import Video
from app.services.video_admin import OwnedVideo

video_app = typer.Typer(no_args_is_help=True, help="Videos.")

Name = Annotated[
    str, typer.Argument(metavar="ID|ADDRESS", help="The video's ID, or any address or key that contains it.")
]

_FACTS = (
    *("id", "user_id", "original_filename", "status", "status_code", "status_detail", "size_bytes"),
    *("object_key", "etag", "container", "duration_ms", "width", "height", "video_codec", "audio_codec"),
    *("created_at", "uploaded_at", "ready_at", "remove_at", "missing_since", "storage_gone_at"),
)


@video_app.command("list")
def video_list(
    owner: Annotated[str, typer.Argument(metavar="EMAIL|ID", help="The account's address, or its ID.")],
    states: Annotated[
        list[VideoStatus] | None, typer.Option("--state", help="Only videos in this state. May be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List an account's videos, the newest first, also those that are being removed."""

    async def show(application: Application) -> None:
        account = await application.user_admin.find(owner)
        found = await application.video_admin.list_of(account.id, states or list(VideoStatus))
        say({"videos": [_facts(video) for video in found]}, _table(found), as_json)

    with_application(show)


@video_app.command("show")
def video_show(name: Name, as_json: Json = False) -> None:
    """Show one video."""

    async def show(application: Application) -> None:
        found = await application.video_admin.find(name)
        say({**_facts(found.video), "email": found.email}, _card(found), as_json)

    with_application(show)


@video_app.command("delete")
def video_delete(
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="Why, in one line, for the audit event.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Take a video down. Its owner no longer sees it, and its bytes are removed."""
    if not (yes or cli_support.has_terminal()):
        raise typer.BadParameter("It asks before it acts, which needs a terminal. Use --yes.")

    async def find(application: Application) -> OwnedVideo:
        return await application.video_admin.find(name)

    async def delete(application: Application) -> None:
        is_new = await application.video_admin.take_down(video, reason)
        is_cleared = store_runs(application) and await application.video_admin.clear(video.id)
        rest = (
            "Its bytes are removed."
            if is_cleared
            else "Its bytes will be removed as soon as an app or a worker can do so."
        )
        done = f"Took {video.id} down." if is_new else "This video is being removed already."
        say({"id": str(video.id), "bytes_removed": is_cleared}, f"{done} {rest}", as_json)

    # No connection is open while the operator is asked.
    found = with_application(find)
    video = found.video
    typer.echo(_card(found), err=True)
    if yes or typer.confirm("Delete this video? It can't be restored.", err=True):
        with_application(delete)


def _facts(video: Video) -> dict[str, object]:
    return video.model_dump(mode="json", include=set(_FACTS))


def _card(found: OwnedVideo) -> str:
    video = found.video
    rows = {
        "ID": str(video.id),
        "Name": _printable(video.original_filename),
        "Owner": f"{found.email} ({video.user_id})",
        "State": _state(video),
        "Size": readable_bytes(video.size_bytes),
        "Key": video.object_key,
        "Created": video.created_at.isoformat(timespec="seconds"),
        "Ready": video.ready_at.isoformat(timespec="seconds") if video.ready_at else "-",
    }
    return card(rows)


def _table(found: Sequence[Video]) -> str:
    head = ("ID", "STATE", "SIZE", "CREATED", "NAME")
    rows = [
        (
            str(video.id),
            _state(video),
            readable_bytes(video.size_bytes),
            video.created_at.isoformat(timespec="seconds"),
            _printable(video.original_filename),
        )
        for video in found
    ]
    return f"{columns([head, *rows])}\n{counted(len(found), 'video')}"


def _state(video: Video) -> str:
    if video.remove_at:
        return "removed"
    return f"{video.status.value} ({video.status_code})" if video.status_code else video.status.value


def _printable(name: str) -> str:
    """Return the name without characters that would change what the terminal shows."""
    return "".join(character if character.isprintable() else "\ufffd" for character in name)
