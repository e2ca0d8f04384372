"""A front of the embedded store that serves it below a path, as Supabase serves its own.

It verifies the signature of each request over the whole path, as the AWS documentation of Signature Version 4 has it,
and signs what it passes on for the store, which knows no path.
"""

import hashlib
import hmac
import http.client
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.engines.embedded import REGION, EmbeddedStore
from tests.engines.loopback_server import LoopbackServer
from tests.waiting import TIMEOUT_SECONDS

PATH = "/storage/v1/s3"


class StoreBelowPath(LoopbackServer):
    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self.keys = store.credentials
        self.refused: list[str] = []
        """Request lines whose path or signature was wrong."""
        super().__init__(self._handler())

    @property
    def url(self) -> str:
        return f"{super().url}{PATH}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("content-length", "0")))
        headers = {name.lower(): value.strip() for name, value in request.headers.items()}
        secret = self.keys.secret_access_key
        if not request.path.startswith(f"{PATH}/") or not is_signed(
            request.command, request.path, headers, secret
        ):
            self.refused.append(request.requestline)
            request.send_error(403)
            return
        answer, said = self._pass_on(request.command, request.path.removeprefix(PATH), headers, body)
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                request.send_header(name, value)
        if request.command != "HEAD":
            request.send_header("Content-Length", str(len(said)))
        else:
            request.send_header("Content-Length", answer.getheader("Content-Length") or "0")
        request.end_headers()
        request.wfile.write(said)

    def _pass_on(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[http.client.HTTPResponse, bytes]:
        path, _, query = path.partition("?")
        fields = [(name, value) for name, value in parse_qsl(query, True) if not name.startswith("X-Amz-")]
        url = f"{self._store.endpoint_url}{path}?" + "&".join(f"{quote(n)}={quote(v, '')}" for n, v in fields)
        kept = {name: value for name, value in headers.items() if name not in ("host", "authorization")}
        kept |= {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
        kept.pop("x-amz-date", None)
        signed = AWSRequest(method=method, url=url, headers=kept, data=body)
        signed.context["payload_signing_enabled"] = False
        S3SigV4Auth(Credentials(self.keys.access_key_id, self.keys.secret_access_key), "s3", REGION).add_auth(
            signed
        )
        connection = http.client.HTTPConnection("127.0.0.1", self._store.port, timeout=TIMEOUT_SECONDS)
        connection.request(method, url.removeprefix(self._store.endpoint_url), body, dict(signed.headers))
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        return answer, said

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                front._answer(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any

            def log_message(self, format: str, *args: object) -> None:
                """Tests read `refused` instead."""

        return Handler


def is_signed(method: str, target: str, headers: dict[str, str], secret: str) -> bool:
    """Return whether the request has a signature of `secret` over its whole path (SigV4, header or query)."""
    path, _, query = target.partition("?")
    fields = parse_qsl(query, keep_blank_values=True)
    given = dict(fields)
    if "X-Amz-Signature" in given:
        credential, names, payload = (
            given["X-Amz-Credential"],
            given["X-Amz-SignedHeaders"],
            "UNSIGNED-PAYLOAD",
        )
        signature, date = given["X-Amz-Signature"], given["X-Amz-Date"]
    else:
        parts = dict(
            item.strip().split("=", 1) for item in headers["authorization"].split(" ", 1)[1].split(",")
        )
        credential, names, signature = parts["Credential"], parts["SignedHeaders"], parts["Signature"]
        payload, date = headers["x-amz-content-sha256"], headers["x-amz-date"]
    encoded = sorted((quote(n, "-_.~"), quote(v, "-_.~")) for n, v in fields if n != "X-Amz-Signature")
    canonical = "\n".join(
        [
            *(method, path, "&".join(f"{name}={value}" for name, value in encoded)),
            *(f"{name}:{headers[name]}" for name in names.split(";")),
            *("", names, payload),
        ]
    )
    scope = credential.split("/")[1:]
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", date, "/".join(scope), digest])
    key = f"AWS4{secret}".encode()
    for item in scope:
        key = hmac.digest(key, item.encode(), "sha256")
    return hmac.compare_digest(signature, hmac.digest(key, text.encode(), "sha256").hex())
