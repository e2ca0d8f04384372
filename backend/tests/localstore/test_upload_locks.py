"""The upload lock with real threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from localstore.upload_locks import UploadBusyError, UploadEndedError, UploadLocks
from tests.waiting import TIMEOUT_SECONDS


def test_complete_waits_for_part_being_stored() -> None:
    locks = UploadLocks(TIMEOUT_SECONDS)
    with ThreadPoolExecutor() as pool, locks.shared("u") as lock:
        lock.begin_storing()
        locking = pool.submit(locks.exclusive, "u")
        assert not locking.done()
        lock.end_storing()
        locking.result(TIMEOUT_SECONDS).release(lambda: False)


def test_refuses_part_that_ends_after_complete() -> None:
    locks = UploadLocks(TIMEOUT_SECONDS)
    with locks.shared("u") as lock:
        lock.require_open()
        locks.exclusive("u").release(lambda: False)
        with pytest.raises(UploadEndedError):
            lock.begin_storing()


def test_accepts_part_that_ends_during_failed_complete() -> None:
    locks = UploadLocks(TIMEOUT_SECONDS)
    with ThreadPoolExecutor() as pool, locks.shared("u") as lock:
        lock.require_open()
        exclusive = locks.exclusive("u")
        storing = pool.submit(lock.begin_storing)
        exclusive.release(lambda: True)
        storing.result(TIMEOUT_SECONDS)
        lock.end_storing()


def test_second_complete_waits_for_first() -> None:
    locks = UploadLocks(TIMEOUT_SECONDS)
    first = locks.exclusive("u")
    with ThreadPoolExecutor() as pool:
        second = pool.submit(locks.exclusive, "u")
        assert not second.done()
        first.release(lambda: False)
        second.result(TIMEOUT_SECONDS).release(lambda: False)


def test_complete_times_out_and_upload_stays_open() -> None:
    locks = UploadLocks(timeout_seconds=0.01)
    with locks.shared("u") as lock:
        lock.begin_storing()
        with pytest.raises(UploadBusyError):
            locks.exclusive("u")
        lock.require_open()


def test_unknown_state_refuses_waiting_parts_and_not_later_ones() -> None:
    locks = UploadLocks(TIMEOUT_SECONDS)

    def unknown_state() -> bool:
        raise OSError("no answer")

    with locks.shared("u") as lock:
        exclusive = locks.exclusive("u")
        with pytest.raises(OSError, match="no answer"):
            exclusive.release(unknown_state)
        with pytest.raises(UploadEndedError):
            lock.begin_storing()
        with locks.shared("u") as later:
            later.require_open()


def test_locks_are_independent_and_dropped_after_use() -> None:
    locks = UploadLocks(TIMEOUT_SECONDS)
    exclusive = locks.exclusive("one")
    with locks.shared("other") as lock:
        lock.require_open()
    exclusive.release(lambda: True)

    assert len(locks) == 0


def test_stores_no_part_after_complete() -> None:
    for _ in range(50):
        locks = UploadLocks(TIMEOUT_SECONDS)
        all_there = threading.Barrier(9)
        completed = threading.Event()

        def write(
            locks: UploadLocks = locks,
            all_there: threading.Barrier = all_there,
            completed: threading.Event = completed,
        ) -> bool:
            """Return whether this part was stored after Complete."""
            with locks.shared("u") as lock:
                all_there.wait(TIMEOUT_SECONDS)
                try:
                    lock.begin_storing()
                except UploadEndedError:
                    return False
                stored_late = completed.is_set()
                lock.end_storing()
                return stored_late

        with ThreadPoolExecutor(8) as pool:
            writers = [pool.submit(write) for _ in range(8)]
            all_there.wait(TIMEOUT_SECONDS)
            exclusive = locks.exclusive("u")
            completed.set()
            exclusive.release(lambda: False)
            assert not any(writer.result(TIMEOUT_SECONDS) for writer in writers)


class Write:
    """A part write, and how it was ended."""

    def __init__(self, part_number: int) -> None:
        self.part_number = str(part_number)
        self.end = ""

    def give_up(self) -> None:
        self.end = "given up"

    def refuse(self) -> None:
        self.end = "refused"


def test_further_part_ends_the_one_that_has_sent_nothing_for_the_longest() -> None:
    locks = UploadLocks(TIMEOUT_SECONDS)
    writes = [Write(number) for number in range(18)]
    with locks.shared("u") as lock:
        for write in writes[:16]:
            lock.begin_arriving(write)
        lock.has_sent(writes[0])

        lock.begin_arriving(writes[16])

        assert [number for number, write in enumerate(writes) if write.end] == [1]
        lock.end_arriving(writes[5])
        lock.begin_arriving(writes[17])
        assert [number for number, write in enumerate(writes) if write.end] == [1]


def test_third_copy_of_a_part_ends_the_one_that_has_sent_nothing_for_the_longest() -> None:
    locks = UploadLocks(TIMEOUT_SECONDS)
    other, *copies = [Write(2), Write(1), Write(1), Write(1)]
    with locks.shared("u") as lock:
        for write in (other, *copies[:2]):
            lock.begin_arriving(write)
        lock.has_sent(copies[0])

        lock.begin_arriving(copies[2])

        assert [write.end for write in (other, *copies)] == ["", "", "given up", ""]


@pytest.mark.parametrize(("still_open", "end"), [(False, "refused"), (True, "")])
def test_end_of_an_upload_ends_what_is_arriving(still_open: bool, end: str) -> None:
    locks = UploadLocks(TIMEOUT_SECONDS)
    arriving = [Write(1), Write(2)]
    with locks.shared("u") as lock:
        for write in arriving:
            lock.begin_arriving(write)

        locks.exclusive("u").release(lambda: still_open)

        assert [write.end for write in arriving] == [end, end]
