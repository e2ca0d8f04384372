"""A server on loopback that gives temporary credentials as AWS's services do, and answers S3 calls."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs

from tests.engines.loopback_server import LoopbackServer

TOKEN = "FwoGZXIvYXdzE+/=session"
KEY_ID, SECRET = "ASIATEMPORARY", "temporary-secret"
_STS = """<{0}Response><{0}Result><Credentials><AccessKeyId>{1}</AccessKeyId><SecretAccessKey>{2}</SecretAccessKey>
<SessionToken>{3}</SessionToken><Expiration>{4}</Expiration></Credentials></{0}Result></{0}Response>"""


class FakeAws(LoopbackServer):
    """STS, SSO, the metadata services of containers and instances, and a bucket."""

    def __init__(self, lives: timedelta) -> None:
        self.ends_at = (datetime.now(UTC) + lives).replace(microsecond=0)
        self.s3_tokens: list[str | None] = []
        """The session token of each S3 call."""
        super().__init__(self._handler())

    def credentials_json(self) -> dict[str, object]:
        """Return the shape of credential_process and of both metadata services."""
        return {
            "Version": 1,
            "Code": "Success",
            "AccessKeyId": KEY_ID,
            "SecretAccessKey": SECRET,
            "Token": TOKEN,
            "SessionToken": TOKEN,
            "Expiration": self.ends_at.isoformat().replace("+00:00", "Z"),
        }

    def _answer(self, method: str, path: str, token: str | None, body: bytes) -> str:
        if path == "/latest/api/token":
            return "metadata-token"
        if path == "/latest/meta-data/iam/security-credentials/":
            return "the-role"
        if path.startswith(("/latest/meta-data/", "/container")):
            return json.dumps(self.credentials_json())
        if path.startswith("/federation/credentials"):
            ends = int(self.ends_at.timestamp() * 1000)
            role = {
                "accessKeyId": KEY_ID,
                "secretAccessKey": SECRET,
                "sessionToken": TOKEN,
                "expiration": ends,
            }
            return json.dumps({"roleCredentials": role})
        if method == "POST" and path == "/":
            action = parse_qs(body.decode())["Action"][0]
            return _STS.format(action, KEY_ID, SECRET, TOKEN, self.ends_at.isoformat())
        self.s3_tokens.append(token)
        return ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer: Callable[[str, str, str | None, bytes], str] = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                said = answer(
                    self.command, self.path, self.headers.get("x-amz-security-token"), body
                ).encode()
                self.send_response(200)
                self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "21600")
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(said)

            do_GET = do_PUT = do_POST = do_HEAD = handle_any

            def log_message(self, format: str, *args: object) -> None:
                """Tests read `s3_tokens` instead."""

        return Handler
