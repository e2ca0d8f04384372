"""The command `slipway`."""

import asyncio
import json
import os
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from pydantic import SecretStr

from app import cli_support
from app.bootstrap import Application, apply_storage, build, check_storage
from app.cli_support import (
    Json,
    errors_as_sentences,
    fail,
    read_settings,
    say,
    start_store_if_needed,
    with_application,
)
from app.cli_sweep import sweep
from app.cli_transfers import download, upload
from app.cli_users import user_app
from app.cli_verify import storage_verify
from app.cli_videos import video_app
from app.core import private_files, schema, version
from app.core.config import Settings
from app.core.operator_errors import sentence_for
from app.core.standard_streams import open_closed_streams
from app.domain.schema_version import Fit, judge
from app.runtime import leave
from app.worker import run as run_worker
from localstore.credentials import NoPreviousKey, PreviousKeyAccepted, forget_previous, rotate_credentials

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Video upload straight to S3.")
db_app = typer.Typer(no_args_is_help=True, help="The database's schema.")
storage_app = typer.Typer(no_args_is_help=True, help="The bucket.")
app.add_typer(db_app, name="db")
app.add_typer(user_app, name="user")
app.add_typer(video_app, name="video")
app.add_typer(storage_app, name="storage")


def main() -> None:
    private_files.write_for_this_user_alone()
    open_closed_streams()
    try:
        app()
    except OSError as error:
        # If a full disk refused what we print, the end of the process would try it again and print a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(sentence_for(error))


@app.command()
def serve(
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Migrate the database first.")] = False,
) -> None:
    """Run the API, the page, a worker, and the embedded store if no S3 is set."""
    from app import server  # imports FastAPI, as app.main does below, which most commands don't need

    settings = read_settings()
    with errors_as_sentences():
        server.check_address(settings)
        if upgrade:
            _upgrade(settings)
        application = build(settings)
    server.run(application)


@app.command()
def worker(
    health_port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, metavar="PORT", help="Serve health checks and metrics there, at SLIPWAY_HOST."
        ),
    ] = None,
) -> None:
    """Run a worker beside the apps, on PostgreSQL and a shared S3. It reads metadata, reconciles and sweeps."""
    settings = read_settings()
    if settings.uses_embedded_store:
        fail(
            "S3_BUCKET and S3_ENDPOINT_URL are empty. With the embedded store, `slipway serve` is also the worker. "
            "Other workers need an S3 that they share with the apps."
        )
    with errors_as_sentences():
        asyncio.run(run_worker(build(settings), health_port))
    leave(0)


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Migrate the database to this version's schema."""
    settings = read_settings()
    with errors_as_sentences():
        typer.echo(_upgrade(settings))


@db_app.command("downgrade")
def db_downgrade(yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Undo the newest step of the schema, if it can be undone."""
    if not (yes or cli_support.has_terminal()):
        raise typer.BadParameter("It asks before it acts, which needs a terminal. Use --yes.")
    url = read_settings().effective_database_url
    with errors_as_sentences():
        step = schema.step_back(url)
        typer.echo(
            f"Schema {step.revision} goes back to {step.goes_to}. The database loses {step.loses}. Stop all "
            "processes of this version first, because they can't run on the older schema.",
            err=True,
        )
        if yes or typer.confirm(f"Go back to schema {step.goes_to}?", err=True):
            schema.downgrade(url, step)
            typer.echo(f"The database has schema {step.goes_to}.")


@app.command("version")
def show_version(as_json: Json = False) -> None:
    """Say what is installed: version, commit and schema."""
    own = version.running()
    commit = own.commit or "unknown"
    say(asdict(own), f"Slipway {own.version}, commit {commit}, schema {own.schema_version}", as_json)


@app.command()
def probe(
    sources: Annotated[list[str], typer.Argument(metavar="FILE|URL...")], as_json: Json = False
) -> None:
    """Read a video's metadata as the worker does."""
    from mediaprobe.__main__ import main as probe_main  # only this command needs it

    raise typer.Exit(probe_main(["--json", *sources] if as_json else sources))


@app.command()
def openapi() -> None:
    """Print the API's description, as it is committed in openapi.json."""
    from app.main import create_app

    # The defaults, whatever the environment contains, and a store that needs no folder.
    settings = Settings.model_construct(
        s3_endpoint_url="http://127.0.0.1:9",
        s3_bucket="slipway",
        aws_access_key_id="none",
        aws_secret_access_key=SecretStr("none"),
    )
    typer.echo(json.dumps(create_app(build(settings)).openapi(), indent=2, sort_keys=True))


app.command()(sweep)
app.command()(upload)
app.command()(download)


@storage_app.command("apply")
def storage_apply(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference. Change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Create the bucket if it is missing and merge our CORS rule into its rules if the engine supports that."""
    shown: list[str] = []

    async def apply(application: Application) -> None:
        if application.store:
            await application.store.start()
        show = shown.append if as_json else typer.echo
        done = await asyncio.to_thread(apply_storage, application, show, dry_run=dry_run)
        say(
            {"bucket": application.settings.bucket, "difference": shown, "done": done},
            "\n".join(done),
            as_json,
        )

    with_application(apply, needs_schema=False)


@storage_app.command("check")
def storage_check(as_json: Json = False) -> None:
    """Say whether the store can be used, and why not."""

    async def check(application: Application) -> None:
        await start_store_if_needed(application)
        found = await check_storage(application)
        say({"bucket": application.settings.bucket, "found": found}, "\n".join(found), as_json)

    with_application(check, needs_schema=False)


storage_app.command("verify")(storage_verify)


@storage_app.command("rotate-key")
def storage_rotate_key(
    forget_old: Annotated[
        bool, typer.Option("--forget-old", help="After a rotation, accept the new key alone.")
    ] = False,
) -> None:
    """Make a new key of the embedded store for the next start. It accepts the old key too until --forget-old."""
    settings = read_settings()
    if not settings.uses_embedded_store:
        fail(
            "S3_BUCKET, S3_ENDPOINT_URL: this store's operator makes its keys. See docs/how-to/rotate-secrets.md."
        )
    folder = settings.slipway_data_dir / "store"
    if not folder.is_dir():
        fail(f"SLIPWAY_DATA_DIR: there is no embedded store in {settings.slipway_data_dir}.")
    with errors_as_sentences():
        if forget_old:
            try:
                forget_previous(folder)
            except NoPreviousKey:
                fail("There is no older key. Run `slipway storage rotate-key` first.")
            typer.echo("Restart Slipway. The store then accepts the new key alone.")
            return
        try:
            rotate_credentials(folder)
        except PreviousKeyAccepted:
            fail(
                "The key before this one is still accepted. End it with --forget-old first, and restart Slipway."
            )
        typer.echo(
            "Made a new key. Restart Slipway to sign with it. URLs that the old key signed stay valid until "
            "`slipway storage rotate-key --forget-old` and another restart."
        )


def _upgrade(settings: Settings) -> str:
    """Upgrade the database unless it is newer. Return what to tell the operator. Raise SchemaTooNew."""
    url = settings.effective_database_url
    if url.startswith("sqlite"):
        settings.make_data_dir()
    found = schema.database_revision(url)
    match judge(found, schema.head_revision()):
        case Fit.OLDER:
            schema.upgrade(url)
            if found is None:
                return schema.what_is_new(url)
        case Fit.NEWER:
            return f"The database has schema {found} of a newer version, on which this version runs too."
        case Fit.TOO_NEW:
            raise schema.SchemaTooNew(found)
        case Fit.CURRENT:
            pass
    return "The database is up to date."
