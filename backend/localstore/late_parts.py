"""Refuses part writes that end after Complete or Abort.

Swift alone accepts them. s3api checks the upload when a part begins, and accepts the finished object in place of the
marker. The part then overwrites a segment of the object, and reads of it fail or return other bytes.
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

from localstore.answers import leave_body
from localstore.logs import LOGGER_NAME
from localstore.places import PLACE_KEY, Place
from localstore.store_view import StoreView, UnknownStateError, Upload
from localstore.upload_locks import ExclusiveLock, UploadBusyError, UploadEndedError, UploadLock, UploadLocks

_log = logging.getLogger(LOGGER_NAME)

Handler = Callable[[Any, Any], Any]
"""An s3api controller method, `(controller, request) -> response`. Swift has no type hints."""

_END_OF_BODY: Final = b""


def install(view: StoreView, locks: UploadLocks) -> None:
    """Make UploadPart, CompleteMultipartUpload and AbortMultipartUpload take the upload's lock."""
    part, upload = multi_upload.PartController, multi_upload.UploadController
    part.PUT = _as_operation(_locked_part(inspect.unwrap(part.PUT), view, locks))
    upload.POST = _as_operation(_locked_complete(inspect.unwrap(upload.POST), view, locks))
    upload.DELETE = _as_operation(_locked_abort(inspect.unwrap(upload.DELETE), view, locks))


def _as_operation(handler: Handler) -> Handler:
    """Decorate a handler as s3api decorates its own."""
    operation: Handler = public(object_operation(check_container_existence(handler)))
    return operation


def _locked_part(plain: Handler, view: StoreView, locks: UploadLocks) -> Handler:
    def put_part(controller: Any, request: Any) -> Any:
        if "uploadId" not in request.params:
            return plain(controller, request)
        upload = _upload_of(request)
        with locks.shared(upload.upload_id) as lock, _as_s3_errors(upload):
            body = _LockingBody(request, lock)
            try:
                lock.require_open()
                if not view.is_open(upload):
                    raise UploadEndedError
                request.environ["wsgi.input"] = body
                if request.content_length == 0:
                    body.begin_storing()
                return plain(controller, request)
            except (ErrorResponse, HTTPException) as error:
                # Swift reports a refusal in mid-body as a broken connection.
                if body.refusal is not None:
                    raise body.refusal from error
                raise
            finally:
                body.finish()

    return put_part


def _locked_complete(plain: Handler, view: StoreView, locks: UploadLocks) -> Handler:
    def complete(controller: Any, request: Any) -> Any:
        upload = _upload_of(request)
        with _as_s3_errors(upload):
            lock = locks.exclusive(upload.upload_id)
        try:
            with _as_s3_errors(upload):
                if view.is_finished(upload):
                    _remove_stale_marker(view, upload)
            response = plain(controller, request)
        except BaseException:
            _release(lock, view, upload)
            raise
        work = response._app_iter
        if work is None:
            _release(lock, view, upload)
            return response
        # A long Complete works while its response is sent. A green thread finishes that work and then releases the
        # lock, also if the client disconnects. The setter of `app_iter` closes the old iterator, so clear it first.
        response._app_iter = None
        chunks: Queue = Queue()
        eventlet.spawn(_finish, work, chunks, lambda: _release(lock, view, upload))
        response.app_iter = _drain(chunks)
        return response

    return complete


def _locked_abort(plain: Handler, view: StoreView, locks: UploadLocks) -> Handler:
    def abort(controller: Any, request: Any) -> Any:
        upload = _upload_of(request)
        with _as_s3_errors(upload):
            lock = locks.exclusive(upload.upload_id)
            try:
                if not view.is_open(upload):
                    # s3api would delete the segments of the finished object.
                    _remove_stale_marker(view, upload)
                    raise UploadEndedError
                return plain(controller, request)
            finally:
                _release(lock, view, upload)

    return abort


def _remove_stale_marker(view: StoreView, upload: Upload) -> None:
    """Delete the marker that a kill during Complete or Abort left on disk, or only in the listing.

    Deleting an absent marker also removes it from the listing.
    """
    view.delete(upload.marker_path)


class _LockingBody:
    """A request body that takes a share of the lock before it returns its last byte."""

    def __init__(self, request: Any, lock: UploadLock) -> None:
        self._body = request.environ["wsgi.input"]
        self._missing: int | None = request.content_length
        self._lock = lock
        self._storing = False
        self._environ = request.environ
        self._place: Place = request.environ[PLACE_KEY]
        self.part_number = str(request.params.get("partNumber"))
        self.give_up = self._place.give_up
        self.refusal: UploadEndedError | UploadBusyError | None = None
        lock.begin_arriving(self)

    def read(self, *args: Any) -> bytes:
        chunk: bytes = self._body.read(*args)
        if self.refusal is not None:
            raise HTTPClientDisconnect() from self.refusal
        self._lock.has_sent(self)
        if self._missing is not None:
            self._missing -= len(chunk)
        if not self._storing and (chunk == _END_OF_BODY or self._missing == 0):
            self.begin_storing()
        return chunk

    def refuse(self) -> None:
        """Answer now. A client that holds back its last byte would keep the others on disk."""
        self.refusal = UploadEndedError()
        leave_body(self._environ)
        self._place.end_reading()

    def finish(self) -> None:
        self._lock.end_arriving(self)
        if self._storing:
            self._storing = False
            self._lock.end_storing()

    def begin_storing(self) -> None:
        try:
            self._lock.begin_storing()
        except (UploadEndedError, UploadBusyError) as refusal:
            self.refusal = refusal
            # Swift handles this one without a traceback, and the object server drops the partial part.
            raise HTTPClientDisconnect() from refusal
        self._lock.end_arriving(self)
        self._storing = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


@contextmanager
def _as_s3_errors(upload: Upload) -> Iterator[None]:
    """Raise the S3 error that matches an error of the lock or the store."""
    try:
        yield
    except UploadEndedError as error:
        raise NoSuchUpload(upload_id=upload.upload_id) from error
    except (UploadBusyError, UnknownStateError) as error:
        raise ServiceUnavailable(reason="upload_busy") from error


def _upload_of(request: Any) -> Upload:
    return Upload(
        request.account, request.container_name, request.object_name, get_param(request, "uploadId")
    )


def _release(lock: ExclusiveLock, view: StoreView, upload: Upload) -> None:
    try:
        lock.release(lambda: view.is_open(upload))
    except UnknownStateError as error:
        _log.error("upload.state_unknown: %s", error)


def _finish(work: Iterable[bytes], chunks: Queue, release: Callable[[], None]) -> None:
    outcome: list[Any] = []
    try:
        for chunk in work:
            # One chunk behind, so that the client gets the last chunk of a 200 after the lock is released.
            outcome.append(chunk)
            if len(outcome) > 1:
                chunks.put(outcome.pop(0))
    except Exception as error:
        outcome.append(error)
    finally:
        release()
        for item in [*outcome, None]:
            chunks.put(item)


def _drain(chunks: Queue) -> Iterator[bytes]:
    while (item := chunks.get()) is not None:
        if isinstance(item, Exception):
            raise item
        yield item
