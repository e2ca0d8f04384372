"""Reads and deletes multipart markers, objects and segments through Swift's own API, without signatures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from swift.common.middleware.s3api.utils import MULTIUPLOAD_SUFFIX, sysmeta_header
from swift.common.swob import Request, wsgi_quote

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

UPLOAD_ID_HEADER: Final = sysmeta_header("object", "upload-id")


class UnknownStateError(Exception):
    """The store answered neither that the object exists nor that it is absent."""


@dataclass(frozen=True)
class Upload:
    """A multipart upload by its names, as WSGI strings (bytes in latin-1)."""

    account: str
    bucket: str
    object_key: str
    upload_id: str

    @property
    def object_path(self) -> str:
        return f"/v1/{self.account}/{self.bucket}/{self.object_key}"

    @property
    def marker_path(self) -> str:
        """The path of the empty object that s3api keeps for each open upload until Complete or Abort."""
        return f"/v1/{self.account}/{self.bucket}{MULTIUPLOAD_SUFFIX}/{self.object_key}/{self.upload_id}"

    def segment_path(self, part: str) -> str:
        return f"{self.marker_path}/{part}"


class StoreView:
    def __init__(self, proxy_app: "WSGIApplication") -> None:
        self._proxy_app = proxy_app

    def has_marker(self, upload: Upload) -> bool:
        return self._head(upload.marker_path) is not None

    def is_finished(self, upload: Upload) -> bool:
        """Return whether the object under this key consists of this upload's segments."""
        headers = self._head(upload.object_path)
        return headers is not None and headers.get(UPLOAD_ID_HEADER) == upload.upload_id

    def is_open(self, upload: Upload) -> bool:
        """Return whether the upload has a marker and no object. With both, a kill interrupted its Complete."""
        return self.has_marker(upload) and not self.is_finished(upload)

    def delete(self, path: str) -> bool:
        """Delete the object at this path, and return whether it is gone."""
        status: int = self._send("DELETE", path).status_int
        return status in (204, 404)

    def _head(self, path: str) -> Any | None:
        response = self._send("HEAD", path)
        if response.status_int == 404:
            return None
        if response.status_int != 200:
            raise UnknownStateError(f"HEAD answered {response.status_int}")
        return response.headers

    def _send(self, method: str, path: str) -> Any:
        return Request.blank(wsgi_quote(path), environ={"REQUEST_METHOD": method}).get_response(
            self._proxy_app
        )
