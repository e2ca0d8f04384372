"""Seeded defects. Each removes one safeguard of the product, and names the suite that must notice.

They patch product functions, private ones too, because only that removes a safeguard. A suite that misses its defect
proves nothing.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock, patch

import pytest
from sqlalchemy import true, update
from sqlmodel import col, select

from app.adapters.s3_signing import S3UrlSigner
from app.crud import leases, users, videos
from app.crud.guarded import changed_one
from app.domain.errors import VideoNotFound
from app.domain.sweep_report import MarkerState
from app.domain.video_status import HIDDEN, TRANSITIONS, VideoEvent
from app.models import User, Video
from app.ports import ScannerUnavailable
from app.services import assembly, reconciler
from app.services.account_deletion import AccountDeletion
from app.services.assembly import Assembly
from app.services.completion import CompletionService
from app.services.probe_queue import ProbeQueue
from app.services.processing import ProcessingService
from app.services.removal import Removal
from app.services.sweep import orphans, sweep
from app.services.sweep.audit import Audit, Checked
from app.services.sweep.bucket import BucketMarker
from app.services.sweep.orphans import Orphans
from app.services.videos import VideoService
from tests.crash import suites
from tests.crash.suites import Suite

Switch = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Defect:
    name: str
    breaks: str
    """The consequence, in a sentence."""
    switch: Switch
    caught_by: Suite


def _replaced(owner: Any, name: str, instead: Any) -> Switch:
    return lambda patch: patch.setattr(owner, name, instead)


def _all_of(*switches: Switch) -> Switch:
    def switch(patch: pytest.MonkeyPatch) -> None:
        for one in switches:
            one(patch)

    return switch


# --- the state machine ------------------------------------------------------------------------------------------


async def _transition_without_guards(
    session: Any, video_id: Any, event: VideoEvent, *_guards: Any, metadata: Any = None, **changes: Any
) -> bool:
    _, target = TRANSITIONS[event]
    values = {"status": target, **changes, **(metadata or {})}
    await session.execute(update(Video).where(col(Video.id) == video_id).values(values))
    return True


async def _release_whatever_its_state(session: Any, video: Video, gone_at: Any, due_at: Any) -> bool:
    return await changed_one(
        session,
        update(Video)
        .where(col(Video.id) == video.id, col(Video.storage_gone_at).is_(None))
        .values(storage_gone_at=gone_at, reserved_bytes=0, due_at=due_at),
    )


async def _nothing(*_: Any, **__: Any) -> None:
    """Replaces what should be done."""


async def _forgotten_save(*_: Any) -> None: ...


# --- jobs -------------------------------------------------------------------------------------------------------


async def _no_job_yet(_queue: Any, session: Any, video_id: Any) -> None:
    await session.execute(update(Video).where(col(Video.id) == video_id).values(due_at=None))


_settle = CompletionService._settle


async def _settle_then_enqueue(
    service: CompletionService, video: Video, owner: Any, event: VideoEvent, **changes: Any
) -> Video:
    current = await _settle(service, video, owner, event, **changes)
    if event is VideoEvent.COMPLETE_VERIFIED:
        async with service.database.transaction() as session:
            await leases.make_probe_due(session, video.id, service.clock.now())
    return current


# --- complete ---------------------------------------------------------------------------------------------------


def _any_object(_assembly: Assembly, _video: Video, found: Any) -> Any:
    return found


async def _lost_answer_is_failure(*_: Any) -> Any:
    raise assembly.ObjectMissing


# --- removal and expiry -----------------------------------------------------------------------------------------


async def _store_first(service: VideoService, user_id: Any, video_id: Any) -> None:
    row = await service.get(user_id, video_id)
    await service.removal.storage.delete(row.object_key)
    await _delete(service, user_id, video_id)


_delete = VideoService.delete
_expire = reconciler.Reconciler._expire_if_stalled


async def _abort_then_expire(reconciling: reconciler.Reconciler, video: Video) -> None:
    await reconciling.storage.abort_multipart_upload(video.object_key, video.upload_id or "")
    with patch.object(reconciling, "_parts_of", AsyncMock(return_value=[])):
        await _expire(reconciling, video)


async def _since_its_creation(reconciling: Any, video: Video, _parts: Any, _now: Any) -> Any:
    return video.created_at + reconciling.grace


async def _gone_unchecked(*_: Any) -> bool:
    return True


async def _first_is_enough(removal: Removal, video: Video) -> None:
    await _confirm(removal, video)
    async with removal.database.transaction() as session:
        await videos.delete_row(session, video.id, video.status)


_confirm = Removal._confirm


# --- the sweep --------------------------------------------------------------------------------------------------


def _very_old(_orphans: Orphans, _moment: Any) -> timedelta:
    return timedelta(days=365)


def _no_limit(listed: int) -> int:
    return max(listed, 1_000)


_record = Audit.record


async def _fail_what_is_missing(audit: Audit, checked: Checked) -> None:
    await _record(audit, checked)
    async with audit.database.transaction() as session:
        for video, _ in checked.confirmed:
            await videos.transition(session, video.id, VideoEvent.SET_FAILED, changed_at=audit.clock.now())


async def _always_ours(_marker: Any, _database_id: Any) -> MarkerState:
    return MarkerState.OURS


# --- quota ------------------------------------------------------------------------------------------------------


async def _always_first(session: Any, video: Video, gone_at: Any, due_at: Any) -> bool:
    await _release(session, video, gone_at, due_at)
    return True


_release = videos.release_reservation
_finish = ProcessingService._finish


async def _finish_and_release(
    service: ProcessingService, video: Video, owner: Any, event: VideoEvent, outcome: str, **changes: Any
) -> None:
    if event is VideoEvent.REJECTED:
        changes["reserved_bytes"] = 0
    await _finish(service, video, owner, event, outcome, **changes)


async def _check_then_reserve(session: Any, user_id: Any, count: int, quota: int) -> bool:
    reserved = (await session.scalars(select(User.reserved_bytes).where(User.id == user_id))).one()
    return bool(reserved + count <= quota)


async def _reserve_for_anybody(session: Any, user_id: Any, count: int, _quota: int) -> bool:
    await users.release_bytes(session, user_id, -count)
    return True


_insert = videos.insert


async def _insert_and_reserve(session: Any, video: Video) -> None:
    await _insert(session, video)
    await users.release_bytes(session, video.user_id, -video.size_bytes)


# --- who sees what ----------------------------------------------------------------------------------------------


async def _visible_to_all(session: Any, video_id: Any, _user_id: Any) -> Video:
    row = await videos.get(session, video_id)
    if row is None or row.status in HIDDEN:
        raise VideoNotFound
    return row


# --- signatures -------------------------------------------------------------------------------------------------

_sign = S3UrlSigner._sign


def _sign_without_headers(signer: S3UrlSigner, method: str, key: str, query: Any, _: Any, *rest: Any) -> str:
    return _sign(signer, method, key, query, {}, *rest)


def _sign_for_a_day(
    signer: S3UrlSigner, method: str, key: str, query: Any, headers: Any, now: Any, _ttl: int
) -> str:
    return _sign(signer, method, key, query, headers, now, 86_400)


async def _clean_without_verdict(_self: ProcessingService, scanning: Any, video: Video, owner: Any) -> bool:
    with suppress(ScannerUnavailable):
        await scanning.scan(video, owner)
    return True


DEFECTS = [
    Defect(
        "no compare-and-set",
        "A change is written whatever the row's state is by then: a deleted video returns.",
        _replaced(videos, "transition", _transition_without_guards),
        suites.race("complete x delete"),
    ),
    Defect(
        "the job comes after the commit",
        "A process that dies in between leaves a video that waits for its probe for ever.",
        _all_of(
            _replaced(ProbeQueue, "enqueue", _no_job_yet),
            _replaced(CompletionService, "_settle", _settle_then_enqueue),
        ),
        suites.crashes("complete"),
    ),
    Defect(
        "expiry without progress",
        "An upload that moves expires an hour after its creation.",
        _replaced(reconciler.Reconciler, "_expires_at", _since_its_creation),
        suites.undisturbed("progress moves the expiry"),
    ),
    Defect(
        "complete without a check of sizes",
        "A short file becomes ready.",
        _all_of(
            _replaced(assembly, "_has_planned_size", lambda *_: True),
            _replaced(assembly, "_has_md5", lambda *_: True),
            _replaced(Assembly, "_if_announced", _any_object),
        ),
        suites.undisturbed("complete with a short part"),
    ),
    Defect(
        "complete without a check of the token",
        "Somebody else's object at the key passes for the video.",
        _replaced(Assembly, "_if_announced", _any_object),
        suites.undisturbed("complete, a foreign object is there"),
    ),
    Defect(
        "MD5s of the parts ignored",
        "Bytes that are not those the browser read become ready.",
        _replaced(assembly, "_has_md5", lambda *_: True),
        suites.undisturbed("complete with other bytes"),
    ),
    Defect(
        "a lost answer is a failure",
        "A video whose Complete timed out after it worked is failed, and removed.",
        _replaced(Assembly, "_close_upload", _lost_answer_is_failure),
        suites.failing_calls("complete"),
    ),
    Defect(
        "a stale HEAD is final",
        "A video that a HEAD does not see right after its assembly is failed, and removed.",
        _replaced(Assembly, "_new_object", Assembly._require_object),
        suites.failing_calls("complete"),
    ),
    Defect(
        "a row goes before its storage",
        "Objects stay that no row owns.",
        _replaced(Removal, "_clear_storage", _gone_unchecked),
        suites.crashes("delete ready"),
    ),
    Defect(
        "one confirmation is enough",
        "A part that was on its way during the abort brings an upload back that no row owns.",
        _replaced(Removal, "_confirm", _first_is_enough),
        suites.undisturbed("remove: the second confirmation"),
    ),
    Defect(
        "the store before the row",
        "A delete that dies in between leaves a ready video without its object.",
        _replaced(VideoService, "delete", _store_first),
        suites.crashes("delete ready"),
    ),
    Defect(
        "abort before expire",
        "A complete that comes while its upload expires finds it aborted: a whole upload is lost.",
        _replaced(reconciler.Reconciler, "_expire_if_stalled", _abort_then_expire),
        suites.race("complete x expiry"),
    ),
    Defect(
        "a deletion forgets its lease",
        "What clears a failed video also ends the deletion that overtook it: the row stays for ever.",
        _replaced(videos, "release_reservation", _release_whatever_its_state),
        suites.race("delete x removal of a failed video"),
    ),
    Defect(
        "a failed video is cleared for ever",
        "After a lost commit answer its storage is cleared again every few seconds, for ever.",
        _replaced(videos, "finish_failed", _nothing),
        suites.failing_calls("remove a failed video"),
    ),
    Defect(
        "sweep without age",
        "Uploads that only just began are aborted.",
        _replaced(Orphans, "_age", _very_old),
        suites.kept_by_sweep("uploads within their grace"),
    ),
    Defect(
        "no limit on uploads",
        "A sweep with a restored database aborts everybody's uploads.",
        _replaced(sweep, "max_changes", _no_limit),
        suites.kept_by_sweep("more uploads than it may abort"),
    ),
    Defect(
        "the audit sets videos to failed",
        "After the bucket was copied, every video is failed, and no one can undo that.",
        _replaced(Audit, "record", _fail_what_is_missing),
        suites.kept_by_sweep("ready videos without their objects"),
    ),
    Defect(
        "no marker check",
        "A sweep with a wrong S3_BUCKET aborts another installation's uploads.",
        _replaced(BucketMarker, "state", _always_ours),
        suites.kept_by_sweep("another database's bucket"),
    ),
    Defect(
        "a sweep takes every upload for an orphan",
        "It aborts an upload that its client is about to complete.",
        _replaced(orphans, "_owns", lambda *_: False),
        suites.kept_by_sweep("uploads that rows own"),
    ),
    Defect(
        "quota released twice",
        "A user may store more than allowed.",
        _replaced(videos, "release_reservation", _always_first),
        suites.race("removal x removal"),
    ),
    Defect(
        "quota never released",
        "A user who deletes videos has no more space than before.",
        _replaced(users, "release_bytes", _nothing),
        suites.crashes("delete ready"),
    ),
    Defect(
        "quota released with the rejection",
        "The bytes are still stored and no longer counted.",
        _replaced(ProcessingService, "_finish", _finish_and_release),
        suites.crashes("probe: rejected"),
    ),
    Defect(
        "disabled accounts may upload",
        "A create that was under way opens an upload after its account was disabled, and its URLs work.",
        _replaced(users, "reserve_bytes", _reserve_for_anybody),
        suites.race("create x disable"),
    ),
    Defect(
        "a deleted account leaves its videos to nobody",
        "If the command dies, the videos of a deleted account stay for ever.",
        _replaced(AccountDeletion, "finish_all", _nothing),
        suites.crashes("delete an account"),
    ),
    Defect(
        "no verdict counts as clean",
        "While the scanner is away, every file is ready for everybody.",
        _replaced(ProcessingService, "_is_clean", _clean_without_verdict),
        suites.crashes("scan: no verdict at first"),
    ),
    Defect(
        "idempotency ignored",
        "A repeated create ends in an error, or in a second video.",
        _replaced(videos, "get_by_idempotency_key", _nothing),
        suites.race("create x create with one key"),
    ),
    Defect(
        "leases ignored",
        "Several workers read the same video at once.",
        _replaced(leases, "lease_is_free", lambda _now: true()),
        suites.race("probe x probe"),
    ),
    Defect(
        "another user's row is visible",
        "Whoever knows an id may look, sign, complete and delete.",
        _replaced(videos, "get_visible", _visible_to_all),
        suites.model_of_another_user(),
    ),
    Defect(
        "the upload id is not saved",
        "The upload that was opened cannot be found again.",
        _replaced(videos, "save_upload_id", _forgotten_save),
        suites.crashes("conversation"),
    ),
    Defect(
        "no length in the signature",
        "A URL takes any number of bytes, whatever was announced and reserved.",
        _replaced(S3UrlSigner, "_sign", _sign_without_headers),
        suites.real_store(),
    ),
    Defect(
        "URLs live for a day",
        "A URL that leaks can be used long after its 15 minutes.",
        _replaced(S3UrlSigner, "_sign", _sign_for_a_day),
        suites.real_store(),
    ),
]

if os.environ.get("SLIPWAY_TEST_DATABASE") == "postgresql":
    # SQLite has one writer at a time, so these break nothing there.
    DEFECTS += [
        Defect(
            "no compare-and-set: deletes",
            "Each of several deletes at once is answered 204.",
            _replaced(videos, "transition", _transition_without_guards),
            suites.overlapping_transactions("delete x delete"),
        ),
        Defect(
            "check, then reserve",
            "Creates in parallel all see the same free space, and take it.",
            _all_of(
                _replaced(users, "reserve_bytes", _check_then_reserve),
                _replaced(videos, "insert", _insert_and_reserve),
            ),
            suites.overlapping_transactions("create x create at the quota"),
        ),
    ]
