"""Routes for uploads and videos."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import AwareDatetime

from app.api.deps import (
    ClockDep,
    CompletionDep,
    CurrentUser,
    PresenterDep,
    RegistrationDep,
    SettingsDep,
    UndoDep,
    UploadsDep,
    VideosDep,
    limited,
    require_bucket,
)
from app.api.responses import errors
from app.domain.limits import Limit
from app.domain.part_plan import MAX_PART_BYTES, MAX_PARTS_PER_SIGNING, MIB, PARTS_WANTED, S3_MIN_PART_BYTES
from app.domain.video_file import CONTAINERS
from app.domain.video_list import SHOWN, VideoQuery, VideoSort, name_key
from app.domain.video_status import VideoStatus
from app.schemas.videos import (
    CompleteUploadIn,
    ContainerOut,
    CreatedUploadOut,
    CreateVideoIn,
    PartPlanOut,
    RemovedVideosOut,
    RestoredVideosOut,
    SearchText,
    SignedPartsOut,
    SignPartsIn,
    UploadPolicyOut,
    UploadTelemetryIn,
    VideoChangesOut,
    VideoIdsIn,
    VideoListOut,
    VideoOut,
)
from app.services.telemetry import count_upload

router = APIRouter(tags=["videos"])

MAX_CURSOR_CHARACTERS = 4000
"""A cursor by name has a name of up to 255 characters, each of up to 9 bytes in its folded form, in base64."""


@router.get("/upload-policy", responses=errors())
async def read_upload_policy(
    settings: SettingsDep, clock: ClockDep, registration: RegistrationDep
) -> UploadPolicyOut:
    """Return the limits, the types, how a file is cut into parts, and what people without an account see."""
    return UploadPolicyOut(
        max_size_bytes=settings.max_upload_bytes,
        presign_ttl_seconds=settings.presign_ttl_seconds,
        containers=[ContainerOut.model_validate(container) for container in CONTAINERS],
        part_plan=PartPlanOut(
            min_part_bytes=S3_MIN_PART_BYTES,
            max_part_bytes=MAX_PART_BYTES,
            part_bytes_multiple=MIB,
            wanted_parts=PARTS_WANTED,
        ),
        max_parts_per_signing=MAX_PARTS_PER_SIGNING,
        registration_open=await registration.is_open(),
        password_help=settings.password_help,
        server_time=clock.now(),
    )


@router.post(
    "/upload-telemetry",
    status_code=204,
    responses=errors(400, 401, 403, 413, 422, 429),
    dependencies=[limited(Limit.REPORT_PER_USER)],
)
async def report_upload(body: UploadTelemetryIn, user: CurrentUser) -> None:
    """Report how an upload went, for /metrics."""
    count_upload(user.id, body.model_dump(mode="json"))


@router.post(
    "/videos",
    status_code=201,
    responses={200: {"model": CreatedUploadOut}, **errors(400, 401, 403, 409, 413, 422, 429)},
    dependencies=[limited(Limit.CREATE_PER_USER)],
)
async def create_video(
    body: CreateVideoIn,
    user: CurrentUser,
    uploads: UploadsDep,
    present: PresenterDep,
    response: Response,
    idempotency_key: Annotated[uuid.UUID | None, Header()] = None,
) -> CreatedUploadOut:
    """Announce a file and return the first signed parts."""
    started = await uploads.create(
        user.id, body.filename, body.size_bytes, body.content_type, idempotency_key
    )
    response.status_code = 201 if started.is_new else 200
    return present.started(started)


@router.post(
    "/videos/remove",
    responses=errors(400, 401, 403, 413, 422, 429),
    dependencies=[Depends(require_bucket), limited(Limit.DELETE_PER_USER)],
)
async def remove_videos(
    body: VideoIdsIn, user: CurrentUser, undo: UndoDep, settings: SettingsDep
) -> RemovedVideosOut:
    """Hide videos at once and delete them after `undo_seconds`, until when they can be restored."""
    removed = await undo.remove(user.id, body.ids)
    return RemovedVideosOut(ids=list(removed), undo_seconds=settings.delete_undo_seconds)


@router.post(
    "/videos/restore",
    responses=errors(400, 401, 403, 409, 413, 422, 429),
    dependencies=[limited(Limit.DELETE_PER_USER)],
)
async def restore_videos(
    body: VideoIdsIn, user: CurrentUser, undo: UndoDep, present: PresenterDep
) -> RestoredVideosOut:
    """Bring removed videos back whose deletion has not begun."""
    return RestoredVideosOut(items=await present.videos(await undo.restore(user.id, body.ids)))


@router.post(
    "/videos/{video_id}/parts",
    responses=errors(400, 401, 403, 404, 409, 413, 422, 429),
    dependencies=[limited(Limit.SIGN_PER_USER)],
)
async def sign_parts(
    video_id: uuid.UUID, body: SignPartsIn, user: CurrentUser, uploads: UploadsDep, present: PresenterDep
) -> SignedPartsOut:
    """Sign URLs for these parts, each for its exact length and at most 15 minutes."""
    return present.signed(await uploads.sign_parts(user.id, video_id, body.part_numbers))


@router.post(
    "/videos/{video_id}/complete",
    responses={202: {"model": VideoOut}, **errors(400, 401, 403, 404, 409, 413, 422, 429)},
    dependencies=[limited(Limit.COMPLETE_PER_USER)],
)
async def complete_video(
    video_id: uuid.UUID,
    body: CompleteUploadIn,
    user: CurrentUser,
    completion: CompletionDep,
    present: PresenterDep,
    response: Response,
) -> VideoOut:
    """Assemble the parts and verify the result. Repeat a 202 every 2 s."""
    part_md5s = {part.part_number: part.md5 for part in body.parts}
    video = await completion.complete(user.id, video_id, part_md5s)
    still = video.status is VideoStatus.COMPLETING
    response.status_code = 202 if still else 200
    return present.video(video)


@router.get("/videos", responses=errors(401, 422, 429, 431), dependencies=[limited(Limit.READ_PER_USER)])
async def list_videos(
    user: CurrentUser,
    videos: VideosDep,
    present: PresenterDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=MAX_CURSOR_CHARACTERS)] = None,
    q: Annotated[SearchText, Query()] = "",
    status: Annotated[list[VideoStatus] | None, Query(max_length=len(VideoStatus))] = None,
    sort: VideoSort = VideoSort.NEWEST,
) -> VideoListOut:
    """List the caller's videos whose name contains `q`, in any of the given states. A cursor is for the same query."""
    statuses = SHOWN if status is None else frozenset(status)
    query = VideoQuery(sort, statuses, name_key(q))
    return await present.page(await videos.list_page(user.id, query, limit, cursor))


@router.get("/videos/changes", responses=errors(401, 422, 429), dependencies=[limited(Limit.READ_PER_USER)])
async def list_changes(
    user: CurrentUser, videos: VideosDep, present: PresenterDep, since: AwareDatetime
) -> VideoChangesOut:
    """Return which videos changed or are gone since an answer with this `as_of`."""
    return await present.changes(await videos.changes(user.id, since))


@router.get(
    "/videos/{video_id}",
    responses=errors(401, 404, 422, 429),
    dependencies=[limited(Limit.READ_PER_USER)],
)
async def read_video(
    video_id: uuid.UUID, user: CurrentUser, videos: VideosDep, present: PresenterDep
) -> VideoOut:
    """Return one of the caller's videos."""
    return present.video(await videos.get(user.id, video_id))


@router.delete(
    "/videos/{video_id}",
    status_code=204,
    responses=errors(401, 403, 404, 422, 429),
    dependencies=[Depends(require_bucket), limited(Limit.DELETE_PER_USER)],
)
async def delete_video(video_id: uuid.UUID, user: CurrentUser, videos: VideosDep) -> None:
    """Delete a video, or cancel its upload."""
    await videos.delete(user.id, video_id)
