"""Refuse parts that are missing or differ from the plan."""

import secrets
from collections.abc import Callable

import pytest

from app.bootstrap import Application
from app.domain.errors import PartsIncomplete, StorageUnavailable
from app.models import User
from app.ports import InvalidPart
from tests.factories import (
    SMALL_VIDEO,
    part_of,
    read_video,
)
from tests.fakes import FakeClock, InMemoryStorage
from tests.services.conftest import TWO_PARTS, Create, Sent, part_md5s_of


async def test_names_missing_parts_and_accepts_them_later(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, clock: FakeClock
) -> None:
    video = await sent(TWO_PARTS, leaving_out=(2,))
    clock.advance(seconds=60)

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, {})

    assert raised.value.facts == {"missing": [2], "mismatched": []}
    row = await read_video(application, video.id)
    assert (row.status, row.lease_owner) == ("uploading", None)
    assert row.expires_at == row.due_at == video.expires_at
    (part,) = await application.uploads.sign_parts(user.id, video.id, [2])
    assert storage.put_part(part.url, part_of(video, TWO_PARTS, 2)) == 200
    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"


async def test_names_every_part_if_none_arrived(application: Application, create: Create, user: User) -> None:
    video = (await create(TWO_PARTS)).video

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, {})

    assert raised.value.facts == {"missing": [1, 2], "mismatched": []}


@pytest.mark.parametrize("body", [b"shorter", TWO_PARTS[: 5 * 1024**2] + b"longer"])
async def test_names_part_of_wrong_length(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User, body: bytes
) -> None:
    """The URL signs the length, but a store may not check it."""
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 2, body)

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, {})

    assert raised.value.facts == {"missing": [], "mismatched": [2]}
    assert storage.objects == {}


async def test_names_part_with_wrong_md5(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 2, b"THE LAST PART")

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    assert raised.value.facts == {"missing": [], "mismatched": [2]}
    assert storage.objects == {}


async def test_ignores_md5s_if_etags_are_not_md5s(
    application: Application, create: Create, storage: InMemoryStorage, user: User
) -> None:
    """With SSE-KMS an ETag is no MD5, so it cannot contradict one."""
    storage.etags_are_md5 = False
    started = await create()
    assert started.parts is not None
    storage.put_part(started.parts[0].url, SMALL_VIDEO)

    answered = await application.completion.complete(
        user.id, started.video.id, part_md5s_of(started.video, SMALL_VIDEO)
    )

    assert answered.status == "processing"


OPAQUE_ETAGS: dict[str, Callable[[], str]] = {
    "like an MD5": lambda: secrets.token_hex(16),
    "with a suffix": lambda: f"{secrets.token_hex(16)}-1",
    "in base64": lambda: secrets.token_urlsafe(24),
    "empty": str,
}


@pytest.mark.parametrize("etags", OPAQUE_ETAGS)
@pytest.mark.parametrize("data", [SMALL_VIDEO, TWO_PARTS], ids=["one part", "two parts"])
async def test_completes_if_etags_turn_out_to_be_no_md5s(
    application: Application, storage: InMemoryStorage, sent: Sent, user: User, etags: str, data: bytes
) -> None:
    """A gateway may hide the store's encryption or make ETags of its own."""
    storage.etags_are_md5 = storage.says_so = False
    storage.new_etag = OPAQUE_ETAGS[etags]
    video = await sent(data)

    answered = await application.completion.complete(user.id, video.id, part_md5s_of(video, data))

    assert answered.status == "processing"
    assert storage.objects[video.object_key].data == data


async def test_names_part_of_wrong_length_if_etags_are_no_md5s(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    storage.etags_are_md5 = storage.says_so = False
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 2, b"shorter")

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    assert raised.value.facts == {"missing": [], "mismatched": [2]}


async def test_names_every_part_if_all_are_damaged(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    """A sample shows that ETags are MD5s, because no part does."""
    video = await sent(TWO_PARTS)
    for number in (1, 2):
        storage.store_part(video.upload_id or "", number, bytes(reversed(part_of(video, TWO_PARTS, number))))
    wanted = dict.fromkeys((1, 2), "0" * 32)

    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, wanted)

    assert raised.value.facts == {"missing": [], "mismatched": [1, 2]}


async def test_decides_nothing_while_the_sample_gets_no_answer(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.fail_next("part_etags_are_md5")

    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {1: "0" * 32})

    assert (await read_video(application, video.id)).status == "completing"


async def test_one_part_with_its_md5_needs_no_sample(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)

    with pytest.raises(PartsIncomplete):
        await application.completion.complete(
            user.id, video.id, {**part_md5s_of(video, TWO_PARTS), 2: "0" * 32}
        )

    assert storage.count("part_etags_are_md5") == 0


async def test_leaves_out_part_beyond_the_plan(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)
    storage.store_part(video.upload_id or "", 3, b"more")

    await application.completion.complete(user.id, video.id, {})

    assert storage.objects[video.object_key].data == TWO_PARTS


async def test_lists_parts_again_if_one_was_replaced(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent(TWO_PARTS)

    async def replace() -> None:
        storage.store_part(video.upload_id or "", 2, b"THE LAST PART")

    storage.hook_next("list_parts", replace, when="after")
    with pytest.raises(PartsIncomplete) as raised:
        await application.completion.complete(user.id, video.id, part_md5s_of(video, TWO_PARTS))

    assert raised.value.facts == {"missing": [], "mismatched": [2]}


async def test_stays_undecided_while_parts_keep_changing(
    application: Application, sent: Sent, storage: InMemoryStorage, user: User
) -> None:
    video = await sent()
    storage.fail_next("complete_multipart_upload", InvalidPart(), times=3)

    with pytest.raises(StorageUnavailable):
        await application.completion.complete(user.id, video.id, {})

    assert (await read_video(application, video.id)).status == "completing"
    assert (await application.completion.complete(user.id, video.id, {})).status == "processing"
