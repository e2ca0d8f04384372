"""The command `slipway storage verify`."""

import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated

import typer

from app.bootstrap import Application
from app.cli_support import Json, counted, progress_bar, say, start_store_if_needed, with_application
from app.domain.errors import readable_bytes
from app.models import Video
from app.services.storage_proof import ADOPTABLE, Standing, Verdict
from app.services.sweep.bucket import WrongBucket

_NOT_SETTLED = 4
_WRONG_BUCKET = 5
_MEANINGS = {
    Standing.INTACT: "as the upload left them",
    Standing.SAME_TOKEN: "with another ETag, and the token of the upload",
    Standing.SAME_BYTES: "without token or type, and the bytes of the upload",
    Standing.UNPROVEN: "without token or type, and an ETag that does not tell their bytes",
    Standing.DIFFERENT: "of other bytes",
    Standing.MISSING: "missing",
    Standing.RETURNED: "there again, of videos that failed without them",
    Standing.LOST: "still missing, of videos that failed without them",
}


@dataclass
class _Tally:
    counts: Counter[Standing] = field(default_factory=Counter)
    adopted: int = 0
    not_settled: list[dict[str, object]] = field(default_factory=list)
    last: uuid.UUID = field(default_factory=lambda: uuid.UUID(int=0))

    def add(self, video: Video, verdict: Verdict) -> None:
        self.counts[verdict.standing] += 1
        self.adopted += verdict.adopted
        self.last = video.id
        if not verdict.is_settled:
            facts: dict[str, object] = {
                "id": str(video.id),
                "object_key": video.object_key,
                "standing": verdict.standing.value,
            }
            self.not_settled.append(facts)

    @property
    def may_adopt(self) -> bool:
        return any(facts["standing"] in ADOPTABLE for facts in self.not_settled)

    def as_json(self) -> dict[str, object]:
        counts = {standing.value: self.counts[standing] for standing in Standing}
        return {"counts": counts, "adopted": self.adopted, "not_settled": self.not_settled}

    def as_text(self) -> str:
        lines = [f"{facts['id']}  {facts['standing']}  {facts['object_key']}" for facts in self.not_settled]
        found = [f"{count} {_MEANINGS[standing]}" for standing, count in sorted(self.counts.items())]
        lines.append(f"Objects of {counted(self.counts.total(), 'video')}: {'. '.join(found) or 'none'}.")
        if self.adopted:
            lines.append(f"Adopted {self.adopted}.")
        if self.may_adopt:
            lines.append("`slipway storage verify --accept` adopts those with the token or the bytes.")
        return "\n".join(lines)


def storage_verify(
    accept: Annotated[
        bool, typer.Option("--accept", help="Adopt objects that have the token or the bytes of the upload.")
    ] = False,
    after: Annotated[
        uuid.UUID,
        typer.Option("--after", metavar="ID", help="Continue behind this video.", show_default=False),
    ] = uuid.UUID(int=0),  # noqa: B008  # immutable
    as_json: Json = False,
) -> None:
    """Prove that the bucket has the object of each video, for example after the bucket was copied.

    Exit status 0 means that all are intact or adopted, 4 that some are not, and with --accept 5 that the bucket may
    belong to another database.
    """
    tally = _Tally(last=after)

    async def verify(application: Application) -> None:
        await start_store_if_needed(application)
        if accept:
            await _require_own_bucket(application)
        await _verify_all(application, tally, accept)

    try:
        with_application(verify)
    except BaseException:
        if tally.counts:
            typer.echo(f"Interrupted. Continue with --after {tally.last}.", err=True)
        raise
    finally:
        if tally.counts:
            say(tally.as_json(), tally.as_text(), as_json)
    raise typer.Exit(_NOT_SETTLED if tally.not_settled else 0)


async def _require_own_bucket(application: Application) -> None:
    try:
        await application.bucket.confirm()
    except WrongBucket as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(_WRONG_BUCKET) from None


async def _verify_all(application: Application, tally: _Tally, accept: bool) -> None:
    proof = application.storage_proof
    total = await proof.bytes_after(tally.last)
    with progress_bar(total, f"Comparing {readable_bytes(total)}") as bar:
        while page := await proof.page(tally.last):
            for video in page:
                began_at = bar.pos
                tally.add(video, await proof.verify(video, bar.update, accept=accept))
                bar.update(began_at + video.size_bytes - bar.pos)
