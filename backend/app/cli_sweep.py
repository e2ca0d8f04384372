"""The command `slipway sweep`."""

import uuid
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer

from app import cli_support
from app.bootstrap import Application
from app.cli_support import Json, say, start_store_if_needed, with_application
from app.domain.sweep_report import Outcome, SweepReport
from app.services.sweep.bucket import LockedBucket, WrongBucket
from app.services.sweep.lease import AnotherSweepRunning, SweepOvertaken
from app.services.sweep.sweep import SweepOrder

_ANOTHER_SWEEP = 3
_ENDS = {Outcome.DONE: 0, Outcome.OVER_LIMIT: 4, Outcome.REFUSED: 5}

Result = TypeVar("Result")


def sweep(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only. Change nothing.")] = False,
    remove_objects: Annotated[
        bool, typer.Option("--remove-objects", help="Also remove objects without a row.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Remove orphans without a limit.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="Make the bucket this database's.")] = False,
    fail_missing: Annotated[
        bool, typer.Option("--fail-missing", help="Only set videos to failed whose object is lost.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fail-missing, do not ask.")] = False,
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Wait for another sweep.")] = 0,
    as_json: Json = False,
) -> None:
    """Do what is due, and compare the store with the database.

    Exit status 0 means done, 1 store or database unavailable, 2 wrong options or settings, 3 another sweep runs or has
    overtaken this one, 4 more orphans than a sweep may remove, 5 the bucket may belong to another database or has
    object lock. With 1, 2 and 3, with 5 of --fail-missing and with object lock, standard output is empty and standard
    error says why.
    """
    if fail_missing and (remove_objects or force or adopt):
        raise typer.BadParameter("--fail-missing excludes --remove-objects, --force and --adopt.")
    if yes and not fail_missing:
        raise typer.BadParameter("--yes is for --fail-missing.")
    if fail_missing:
        _fail_missing(dry_run, yes, wait, as_json)
        return
    order = SweepOrder(dry_run=dry_run, remove_objects=remove_objects, force=force, adopt=adopt)

    async def run(application: Application) -> tuple[int, int, SweepReport]:
        left = due = await application.reconciler.count_due()
        if not dry_run and await _is_ours(application, adopt):
            await application.reconciler.reconcile(due)
            await application.deletion.finish_all()
            left = await application.reconciler.count_left()
        return due, left, await application.sweep.run(order, wait_seconds=wait)

    due, left, report = _with_sweep(run)
    _say_swept(due, left, report, as_json)
    raise typer.Exit(_ENDS[report.outcome])


async def _is_ours(application: Application, adopt: bool) -> bool:
    """Return False for another database's bucket unless it is adopted. Raise LockedBucket."""
    if adopt:
        await application.bucket.check_versions()
        return True
    try:
        await application.bucket.confirm()
    except LockedBucket:
        raise
    except WrongBucket:
        return False
    return True


def _fail_missing(dry_run: bool, yes: bool, wait: float, as_json: bool) -> None:
    """Check, ask and act. No connection is open while the operator is asked."""
    if not (dry_run or yes or cli_support.has_terminal()):
        raise typer.BadParameter("--fail-missing asks before it acts, which needs a terminal. Use --yes.")

    async def plan(application: Application) -> tuple[int, SweepReport, frozenset[uuid.UUID]]:
        return await application.reconciler.count_due(), *await application.fail_missing.plan()

    async def run(application: Application) -> SweepReport:
        return await application.fail_missing.run(video_ids, wait_seconds=wait)

    due, report, video_ids = _with_sweep(plan)
    typer.echo(
        f"Ready videos whose object two checks found missing or replaced: {len(video_ids)}. "
        f"Waiting for the second check: {report.unconfirmed}.",
        err=True,
    )
    question = f"Set {len(video_ids)} videos to failed?"
    if video_ids and not dry_run and (yes or typer.confirm(question, err=True)):
        report = _with_sweep(run)
    _say_swept(due, due, report, as_json)


def _say_swept(due: int, left: int, report: SweepReport, as_json: bool) -> None:
    facts = {"rows_due": due, "rows_left": left, **asdict(report)}
    say(facts, f"Rows due: {due}, left: {left}\n{report.as_text()}", as_json)


def _with_sweep(work: Callable[[Application], Coroutine[Any, Any, Result]]) -> Result:
    async def with_store(application: Application) -> Result:
        await start_store_if_needed(application)
        try:
            return await work(application)
        except (AnotherSweepRunning, SweepOvertaken, WrongBucket) as error:
            typer.echo(str(error), err=True)
            refused = isinstance(error, WrongBucket)
            raise typer.Exit(_ENDS[Outcome.REFUSED] if refused else _ANOTHER_SWEEP) from None

    return with_application(with_store)
