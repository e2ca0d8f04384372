"""The gate's rules, with real threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from localstore.upload_gates import GateBusyError, UploadEndedError, UploadGates
from tests.waiting import TIMEOUT_SECONDS


def make_gates(patience_seconds: float = TIMEOUT_SECONDS) -> UploadGates:
    return UploadGates(patience_seconds)


def test_writer_before_complete_is_waited_for() -> None:
    gates = make_gates()
    with ThreadPoolExecutor() as pool, gates.hold("u") as gate:
        gate.begin_storing()
        closing = pool.submit(gates.close, "u")
        assert not closing.done()
        gate.end_storing()
        closing.result(TIMEOUT_SECONDS).reopen_or_end(lambda: False)


def test_writer_whose_last_byte_comes_after_complete_is_refused() -> None:
    gates = make_gates()
    with gates.hold("u") as gate:
        gate.enter()
        gates.close("u").reopen_or_end(lambda: False)
        with pytest.raises(UploadEndedError):
            gate.begin_storing()


def test_writer_whose_last_byte_comes_during_a_failing_complete_goes_on() -> None:
    gates = make_gates()
    with ThreadPoolExecutor() as pool, gates.hold("u") as gate:
        gate.enter()
        closed = gates.close("u")
        storing = pool.submit(gate.begin_storing)
        closed.reopen_or_end(lambda: True)
        storing.result(TIMEOUT_SECONDS)
        gate.end_storing()


def test_two_completes_take_turns() -> None:
    gates = make_gates()
    first = gates.close("u")
    with ThreadPoolExecutor() as pool:
        second = pool.submit(gates.close, "u")
        assert not second.done()
        first.reopen_or_end(lambda: False)
        second.result(TIMEOUT_SECONDS).reopen_or_end(lambda: False)


def test_complete_gives_up_on_a_writer_that_does_not_end_and_the_upload_stays_open() -> None:
    gates = make_gates(patience_seconds=0.01)
    with gates.hold("u") as gate:
        gate.begin_storing()
        with pytest.raises(GateBusyError):
            gates.close("u")
        gate.enter()


def test_uncertain_outcome_refuses_those_under_way_and_leaves_later_ones_to_the_store() -> None:
    gates = make_gates()

    def unsure() -> bool:
        raise OSError("no answer")

    with gates.hold("u") as gate:
        closed = gates.close("u")
        with pytest.raises(OSError, match="no answer"):
            closed.reopen_or_end(unsure)
        with pytest.raises(UploadEndedError):
            gate.begin_storing()
        with gates.hold("u") as later:
            later.enter()


def test_uploads_do_not_wait_for_each_other_and_leave_nothing_behind() -> None:
    gates = make_gates()
    closed = gates.close("one")
    with gates.hold("other") as gate:
        gate.enter()
    closed.reopen_or_end(lambda: True)

    assert len(gates) == 0


def test_no_writer_lands_after_complete_whatever_the_timing() -> None:
    for _ in range(50):
        gates = make_gates()
        all_there = threading.Barrier(9)
        completed = threading.Event()

        def write(
            gates: UploadGates = gates,
            all_there: threading.Barrier = all_there,
            completed: threading.Event = completed,
        ) -> bool:
            """Whether this part landed although Complete was done."""
            with gates.hold("u") as gate:
                all_there.wait(TIMEOUT_SECONDS)
                try:
                    gate.begin_storing()
                except UploadEndedError:
                    return False
                landed_late = completed.is_set()
                gate.end_storing()
                return landed_late

        with ThreadPoolExecutor(8) as pool:
            writers = [pool.submit(write) for _ in range(8)]
            all_there.wait(TIMEOUT_SECONDS)
            closed = gates.close("u")
            completed.set()
            closed.reopen_or_end(lambda: False)
            assert not any(writer.result(TIMEOUT_SECONDS) for writer in writers)
