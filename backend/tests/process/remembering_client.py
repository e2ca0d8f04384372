"""A client that remembers each answer while processes are killed, and reports answers that turn out wrong."""

import hashlib
import random
import threading
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.engines.slipway import SlipwayProcess
from tests.fakes import content_md5, md5_hex
from tests.waiting import TIMEOUT_SECONDS

PASSWORD = "a quiet harbour"
_AGAIN_SECONDS = 0.2
_LAST_MODIFIED_RESOLUTION_SECONDS = 1.0
_BROWSER_SECONDS = 2.0
"""How long a browser waits for a completion before it disconnects. Many requests are cut off that way."""


class BrokenPromiseError(Exception):
    """An acknowledged request did not take effect."""


@dataclass
class Remembered:
    """A video as its owner knows it."""

    id: str
    data: bytes
    key: str
    part_size_bytes: int
    urls: dict[int, str]
    moved_at: float
    """Monotonic seconds, no later than the last acknowledged progress."""
    was_overdue: bool = False
    """The last progress came after the grace, so the upload may have expired just before."""
    parts: set[int] = field(default_factory=set)
    """The parts whose PUT was answered with 200."""
    is_claimed: bool = False
    """A completion was requested, and its answer may be outstanding."""
    is_completed: bool = False
    is_deleted: bool = False

    @property
    def body(self) -> dict[str, object]:
        return {"filename": "harbour.mp4", "size_bytes": len(self.data), "content_type": "video/mp4"}

    def piece(self, number: int) -> bytes:
        return self.data[(number - 1) * self.part_size_bytes : number * self.part_size_bytes]


class RememberingClient:
    """Sends requests until `end`. `broken` is the error that stopped it before."""

    def __init__(
        self, name: str, slipway: SlipwayProcess, files: Sequence[bytes], seed: str, grace_seconds: float
    ) -> None:
        self.name = name
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._slipway = slipway
        self._files = files
        self._random = random.Random(f"{seed}-{name}")  # noqa: S311  # repeatable on purpose
        self._grace_seconds = grace_seconds
        self._ending = threading.Event()
        self._client = httpx.Client(base_url=f"{slipway.origin}/api/v1", timeout=TIMEOUT_SECONDS)
        self.videos: list[Remembered] = []
        self.broken: BaseException | None = None
        self.asked = 0
        """Requests sent."""
        self.answered = 0
        """Answers below 500."""

    # --- the thread -------------------------------------------------------------------------------------------

    def sign_in(self) -> None:
        account = {"email": f"{self.name}@example.com", "password": PASSWORD}
        self._ask(201, "POST", "/auth/register", json=account)
        form = {"username": account["email"], "password": PASSWORD}
        token = self._ask(200, "POST", "/auth/token", data=form).json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self._one_action()
        except BaseException as error:  # The test raises it.
            self.broken = error

    def end(self) -> None:
        """Wait for the current action, and raise `broken`."""
        self._ending.set()
        self._thread.join(TIMEOUT_SECONDS * 3)
        assert not self._thread.is_alive(), f"{self.name} hangs"
        if self.broken:
            raise self.broken

    def close(self) -> None:
        self._ending.set()
        self._client.close()

    def _one_action(self) -> None:
        match self._random.choice(["upload", "upload", "upload", "finish", "abandon", "delete", "look"]):
            case "upload":
                self._upload()
            case "finish":
                for video in self.videos:
                    if video.is_claimed and not video.is_deleted:
                        self._complete(video)
            case "abandon":
                video = self._create()
                if self._random.random() < 0.5:
                    self._put(video, 1)
            case "delete":
                if living := [video for video in self.videos if not video.is_deleted]:
                    self._delete(self._random.choice(living))
            case "look":
                self.check_list()

    # --- what a user does -------------------------------------------------------------------------------------

    def _upload(self) -> None:
        video = self._create()
        count = -(-len(video.data) // video.part_size_bytes)
        for number in self._random.sample(range(1, count + 1), count):
            if not self._put(video, number):
                return  # It expired while the services were down.
        self._complete(video)

    def _create(self) -> Remembered:
        while True:
            began = time.monotonic()
            asked = Remembered("", self._random.choice(self._files), str(uuid.uuid4()), 0, {}, began)
            created = self._announce(asked)
            if created is not None:
                break
        video = self._remember(asked, began, created)
        if self._random.random() < 0.2:
            began = time.monotonic()
            again = self._announce(video)
            if again is not None and again["video"]["id"] != video.id:
                # A key is valid as long as its row, which may have expired while the services were down.
                age = f"{time.monotonic() - video.moved_at:.1f} s after it"
                self._expect(video, self._may_have_expired(video), f"its key made another video, {age}")
                video = self._remember(video, began, again)
        return video

    def _remember(self, asked: Remembered, began: float, created: dict[str, Any]) -> Remembered:
        upload = created["upload"]
        urls = {part["part_number"]: part["url"] for part in upload["parts"]}
        video = Remembered(
            created["video"]["id"], asked.data, asked.key, upload["part_size_bytes"], urls, began
        )
        self.videos.append(video)
        return video

    def _announce(self, video: Remembered) -> dict[str, Any] | None:
        """Return the answer. A repeat with the same key may overtake the first request.

        Return None if the upload expired while its answer was lost.
        """
        headers = {"Idempotency-Key": video.key}
        asked = self._ask((200, 201, 409), "POST", "/videos", json=video.body, headers=headers)
        answer: dict[str, Any] = asked.json()
        if asked.status_code != 409:
            return answer
        expired = answer["code"] == "wrong_state" and answer["status"] == "expired"
        self._expect(video, expired and self._may_have_expired(video), f"create: {asked.text}")
        return None

    def _put(self, video: Remembered, number: int) -> bool:
        """PUT the part. Return False if the upload expired."""
        piece = video.piece(number)
        began = time.monotonic()
        while True:
            self.asked += 1
            try:
                answer = httpx.put(
                    video.urls[number],
                    content=piece,
                    headers={"Content-MD5": content_md5(piece)},
                    timeout=TIMEOUT_SECONDS,
                )
            except httpx.HTTPError:
                pass
            else:
                self.answered += answer.status_code < 500
                if answer.status_code == 200:
                    video.parts.add(number)
                    video.was_overdue = self._may_have_expired(video)
                    video.moved_at = began
                    return True
                if answer.status_code == 404 and self._may_have_expired(video):
                    video.is_deleted = True
                    return False
                if answer.status_code < 500:
                    raise BrokenPromiseError(
                        f"part {number} of {video.id}: {answer.status_code} {answer.text}"
                    )
            time.sleep(_AGAIN_SECONDS)

    def _complete(self, video: Remembered) -> None:
        """Request a completion once. A browser may disconnect, and the service then finishes alone."""
        video.is_claimed = True
        part_md5s = [{"part_number": n, "md5": md5_hex(video.piece(n))} for n in sorted(video.parts)]
        self.asked += 1
        try:
            path = f"/videos/{video.id}/complete"
            answer = self._client.post(path, json={"parts": part_md5s}, timeout=_BROWSER_SECONDS)
        except httpx.HTTPError:
            return
        self.answered += answer.status_code < 500
        if answer.status_code == 200:
            self._expect(video, answer.json()["status"] in ("processing", "ready"), answer.text)
            video.is_completed = True
        elif answer.status_code not in (202, 503):
            gone = answer.status_code == 404 or answer.json()["code"] == "wrong_state"
            expired = gone and not video.is_completed and self._may_have_expired(video)
            self._expect(video, expired, f"complete: {answer.status_code} {answer.text}")
            video.is_deleted = True

    def _delete(self, video: Remembered) -> None:
        self._ask((204, 404), "DELETE", f"/videos/{video.id}")
        video.is_deleted = True
        self._ask(404, "GET", f"/videos/{video.id}")

    # --- what must be so --------------------------------------------------------------------------------------

    def check_list(self) -> None:
        """Check that each acknowledged video is listed once in an allowed state, and no deleted one."""
        known = list(self.videos)
        listed = self._list_all()
        ids = [item["id"] for item in listed]
        if len(set(ids)) != len(ids):
            raise BrokenPromiseError("a video is listed twice")
        states = {item["id"]: item["status"] for item in listed}
        for video in known:
            state = states.pop(video.id, None)
            if video.is_deleted:
                self._expect(video, state is None, f"deleted, but listed as {state}")
            elif video.is_completed:
                self._expect(video, state in ("processing", "ready"), f"completed, but {state}")
            elif state is None:
                self._expect(video, self._may_have_expired(video), "announced, but not listed")
                video.is_deleted = True
            elif video.is_claimed:
                self._expect(video, state != "failed", f"claimed, but {state}")
            else:
                self._expect(video, state == "uploading", f"announced, but {state}")
        if states:
            raise BrokenPromiseError(f"listed, but never announced: {states}")

    def check_at_rest(self, unread: Collection[str]) -> None:
        """Check that each video with a requested completion is ready, with metadata unless in `unread`, and with the
        bytes sent.
        """
        self.check_list()
        for video in self.videos:
            if video.is_deleted:
                self._ask(404, "GET", f"/videos/{video.id}")
            elif video.is_claimed:
                now = self._ask(200, "GET", f"/videos/{video.id}").json()
                width = None if video.id in unread else 320
                self._expect(video, (now["status"], now["width"]) == ("ready", width), f"at rest it is {now}")
                delivered = httpx.get(now["delivery_url"], timeout=TIMEOUT_SECONDS).content
                same = hashlib.sha256(delivered).digest() == hashlib.sha256(video.data).digest()
                self._expect(video, same, "other bytes than were sent")

    def _list_all(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        cursor = None
        while True:
            params = {"limit": "100", **({"cursor": cursor} if cursor else {})}
            page = self._ask(200, "GET", "/videos", params=params).json()
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    def _may_have_expired(self, video: Remembered) -> bool:
        overdue = time.monotonic() - video.moved_at >= self._grace_seconds - _LAST_MODIFIED_RESOLUTION_SECONDS
        return video.was_overdue or overdue

    def _expect(self, video: Remembered, holds: bool, what: str) -> None:
        if not holds:
            raise BrokenPromiseError(f"{self.name}, video {video.id}: {what}")

    # --- asking until there is an answer ----------------------------------------------------------------------

    def _ask(self, expected: int | tuple[int, ...], method: str, path: str, **how: Any) -> httpx.Response:
        """Repeat the request until it is answered. Raise BrokenPromiseError for an unexpected status other than 503."""
        wanted = (expected,) if isinstance(expected, int) else expected
        deadline = time.monotonic() + TIMEOUT_SECONDS * 2
        while True:
            self.asked += 1
            answer = self._once(lambda: self._client.request(method, path, **how))
            if answer is not None:
                self.answered += answer.status_code < 500
                if answer.status_code in wanted:
                    return answer
                if path == "/auth/register" and answer.status_code == 409:
                    return answer  # The first answer was lost.
                if answer.status_code != 503:
                    raise BrokenPromiseError(
                        f"{method} {path} was answered {answer.status_code}: {answer.text}"
                    )
            if time.monotonic() > deadline:
                last = f"{answer.status_code} {answer.text}" if answer is not None else "none at all"
                raise BrokenPromiseError(
                    f"{method} {path} had no answer for {TIMEOUT_SECONDS * 2} s, the last answer was {last}"
                )
            time.sleep(_AGAIN_SECONDS)

    @staticmethod
    def _once(request: Callable[[], httpx.Response]) -> httpx.Response | None:
        try:
            return request()
        except httpx.HTTPError:
            return None  # It was killed meanwhile.
