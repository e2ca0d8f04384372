"""Refuses part writes that come after Complete or Abort, also one that was under way at the time.

Swift alone takes them: s3api looks for the upload when a part begins, finds the finished object in place of
the marker, and overwrites a segment the object is made of. Reads of it then fail or give other bytes.
"""

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import eventlet
import swift.common.middleware.s3api.controllers.multi_upload as multi_upload
from eventlet.queue import Queue
from swift.common.middleware.s3api.controllers.base import check_container_existence, object_operation
from swift.common.middleware.s3api.s3response import ErrorResponse, NoSuchUpload, ServiceUnavailable
from swift.common.request_helpers import get_param
from swift.common.swob import HTTPClientDisconnect, HTTPException
from swift.common.utils import public

from localstore.logs import LOGGER_NAME
from localstore.store_view import StoreUnsureError, StoreView, Upload
from localstore.upload_gates import ClosedUpload, GateBusyError, UploadEndedError, UploadGate, UploadGates

_log = logging.getLogger(LOGGER_NAME)

Handler = Callable[[Any, Any], Any]
"""An s3api controller method: (controller, request) -> response. Swift ships no types."""

_END_OF_BODY: Final = b""


def install(view: StoreView, gates: UploadGates) -> None:
    """Put the gate in front of UploadPart, CompleteMultipartUpload and AbortMultipartUpload."""
    part, upload = multi_upload.PartController, multi_upload.UploadController
    part.PUT = _as_operation(_gated_part(inspect.unwrap(part.PUT), view, gates))
    upload.POST = _as_operation(_gated_complete(inspect.unwrap(upload.POST), view, gates))
    upload.DELETE = _as_operation(_gated_abort(inspect.unwrap(upload.DELETE), view, gates))


def _as_operation(handler: Handler) -> Handler:
    # Looking for the bucket also checks the signature: no stranger gets to close a gate.
    operation: Handler = public(object_operation(check_container_existence(handler)))
    return operation


def _gated_part(plain: Handler, view: StoreView, gates: UploadGates) -> Handler:
    def put_part(controller: Any, request: Any) -> Any:
        if "uploadId" not in request.params:
            return plain(controller, request)
        upload = _upload_of(request)
        with gates.hold(upload.upload_id) as gate, _as_s3_errors(upload):
            gate.enter()
            if not view.is_open(upload):
                raise UploadEndedError
            body = _GatedBody(request.environ["wsgi.input"], request.content_length, gate)
            request.environ["wsgi.input"] = body
            try:
                if request.content_length == 0:
                    body.begin_storing()
                return plain(controller, request)
            except (ErrorResponse, HTTPException) as error:
                # A refusal in mid-body reaches us as Swift's idea of a broken connection.
                if body.refusal is not None:
                    raise body.refusal from error
                raise
            finally:
                body.finish()

    return put_part


def _gated_complete(plain: Handler, view: StoreView, gates: UploadGates) -> Handler:
    def complete(controller: Any, request: Any) -> Any:
        upload = _upload_of(request)
        with _as_s3_errors(upload):
            closed = gates.close(upload.upload_id)
        try:
            with _as_s3_errors(upload):
                if view.is_finished(upload):
                    _take_away_what_a_kill_left(view, upload)
            response = plain(controller, request)
        except BaseException:
            _settle(closed, view, upload)
            raise
        work = response._app_iter
        if work is None:
            _settle(closed, view, upload)
            return response
        # A long Complete goes on while its answer is sent: the gate stays closed until that work is done,
        # and a client that goes away does not stop it half-way. Taken out first, as the setter would end it.
        response._app_iter = None
        chunks: Queue = Queue()
        eventlet.spawn(_finish, work, chunks, lambda: _settle(closed, view, upload))
        response.app_iter = _drain(chunks)
        return response

    return complete


def _gated_abort(plain: Handler, view: StoreView, gates: UploadGates) -> Handler:
    def abort(controller: Any, request: Any) -> Any:
        upload = _upload_of(request)
        with _as_s3_errors(upload):
            closed = gates.close(upload.upload_id)
            try:
                if not view.is_open(upload):
                    # Of a finished upload it would delete what the object is made of.
                    _take_away_what_a_kill_left(view, upload)
                    raise UploadEndedError
                return plain(controller, request)
            finally:
                _settle(closed, view, upload)

    return abort


def _take_away_what_a_kill_left(view: StoreView, upload: Upload) -> None:
    """In the middle of Complete or Abort: the marker, or only its line in the listing. Deleting the marker once more,
    also when it is gone, takes away both."""
    view.delete(upload.marker_path)


class _GatedBody:
    """A request body that asks the gate before it hands over its last byte."""

    def __init__(self, body: Any, length: int | None, gate: UploadGate) -> None:
        self._body = body
        self._missing = length
        self._gate = gate
        self._storing = False
        self.refusal: UploadEndedError | GateBusyError | None = None

    def read(self, *args: Any) -> bytes:
        chunk: bytes = self._body.read(*args)
        if self._missing is not None:
            self._missing -= len(chunk)
        if not self._storing and (chunk == _END_OF_BODY or self._missing == 0):
            self.begin_storing()
        return chunk

    def finish(self) -> None:
        if self._storing:
            self._storing = False
            self._gate.end_storing()

    def begin_storing(self) -> None:
        try:
            self._gate.begin_storing()
        except (UploadEndedError, GateBusyError) as refusal:
            self.refusal = refusal
            # What Swift handles without a traceback: the object server drops what it has so far.
            raise HTTPClientDisconnect() from refusal
        self._storing = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


@contextmanager
def _as_s3_errors(upload: Upload) -> Iterator[None]:
    """What the gate says, in S3's words."""
    try:
        yield
    except UploadEndedError as error:
        raise NoSuchUpload(upload_id=upload.upload_id) from error
    except (GateBusyError, StoreUnsureError) as error:
        raise ServiceUnavailable(reason="upload_busy") from error


def _upload_of(request: Any) -> Upload:
    return Upload(
        request.account, request.container_name, request.object_name, get_param(request, "uploadId")
    )


def _settle(closed: ClosedUpload, view: StoreView, upload: Upload) -> None:
    try:
        closed.reopen_or_end(lambda: view.is_open(upload))
    except StoreUnsureError as error:
        _log.error("upload.state_unknown: %s", error)


def _finish(work: Iterable[bytes], chunks: Queue, settle: Callable[[], None]) -> None:
    outcome: list[Any] = []
    try:
        for chunk in work:
            # Held back by one, so that the last piece of a 200 leaves after the gate is settled.
            outcome.append(chunk)
            if len(outcome) > 1:
                chunks.put(outcome.pop(0))
    except Exception as error:
        outcome.append(error)
    finally:
        settle()
        for item in [*outcome, None]:
            chunks.put(item)


def _drain(chunks: Queue) -> Iterator[bytes]:
    while (item := chunks.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item
