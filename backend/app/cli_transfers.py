"""The commands `slipway upload` and `slipway download`, which need a server's address and no settings."""

import os
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.cli_support import Json, ask_password, errors_as_sentences, fail, progress_bar, say
from app.client import Client, Patience
from app.core.logging import configure_logging
from app.core.origins import normalised_path, split_origin
from app.domain.errors import readable_bytes
from app.transfers import Download, Upload, local_name, require_ready, wait_until_read

Server = Annotated[
    str,
    typer.Option("--url", envvar="SLIPWAY_URL", help="The server's address, with PUBLIC_PATH if it has one."),
]
User = Annotated[str, typer.Option("--user", envvar="SLIPWAY_USER", help="The account's e-mail address.")]

_LOCAL = "http://127.0.0.1:8000"
_PASSWORD = "SLIPWAY_PASSWORD"  # noqa: S105  # the name of a variable
_SHOWN = (
    "id",
    "original_filename",
    "size_bytes",
    "status",
    "status_reason",
    "duration_seconds",
    "width",
    "height",
)


def upload(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    user: User,
    url: Server = _LOCAL,
    wait: Annotated[bool, typer.Option(help="Wait until the server has read the file.")] = True,
    as_json: Json = False,
) -> None:
    """Upload a file to a server.

    The password comes from SLIPWAY_PASSWORD, else from the terminal or a line of standard input. Exit status 1 also
    means that the server took the file and refused its content.
    """
    with _signed_in(url, user) as client:
        with progress_bar(file.stat().st_size, file.name) as bar:
            video = Upload(client, file, bar.update).run()
        if wait:
            video = wait_until_read(client, video)
    reason = (video["status_reason"] or {}).get("detail", "")
    say(
        {name: video[name] for name in _SHOWN},
        f"{video['id']} is {video['status']}. {reason}".strip(),
        as_json,
    )
    raise typer.Exit(video["status"] == "failed")


def download(
    video_id: Annotated[uuid.UUID, typer.Argument(metavar="ID")],
    user: User,
    url: Server = _LOCAL,
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write. The default is the video's name.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: Json = False,
) -> None:
    """Download a video from a server. The password comes as for `upload`."""
    with _signed_in(url, user) as client:
        video = client.get(f"/videos/{video_id}")
        require_ready(video)
        target = output or Path(local_name(video["original_filename"]))
        if target.exists() and not force:
            fail(f"{target} exists. Use --force to replace it, or --output for another name.")
        with progress_bar(video["size_bytes"], target.name) as bar:
            Download(client, video, target, bar.update).run()
    written = readable_bytes(video["size_bytes"])
    say(
        {"id": str(video_id), "file": str(target), "size_bytes": video["size_bytes"]},
        f"{target}: {written}",
        as_json,
    )


@contextmanager
def _signed_in(url: str, user: str) -> Iterator[Client]:
    address = _address(url)
    password = os.environ.get(_PASSWORD) or ask_password(twice=False, err=True)
    configure_logging(secrets=[password])
    with errors_as_sentences(), closing(Client(address, user, password, Patience)) as client:
        yield client


def _address(url: str) -> str:
    try:
        origin, path = split_origin(url)
        return origin + normalised_path(path)
    except ValueError as error:
        raise typer.BadParameter(f"--url, SLIPWAY_URL: {error}.") from None
