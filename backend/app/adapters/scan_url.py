"""Implement the Scanner port with a service that gets the question in a POST."""

import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from app.adapters.scan_messages import LONGEST_ANSWER, for_the_log, question, verdict_in
from app.core.origins import is_loopback
from app.ports import FileToScan, ScannerUnavailable, ScanVerdict

_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class UrlScanner:
    """Posts JSON and reads the verdict from a 200. A redirect is not followed, so the URL stays with the service."""

    url: str
    tls: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)
    """Made once, because reading the certificates stops the event loop."""

    async def scan(self, file: FileToScan) -> ScanVerdict:
        try:
            async with self._client() as client:
                return await self._post(client, file)
        except (httpx.HTTPError, httpx.StreamError) as error:
            reason = f"{type(error).__name__} {for_the_log(str(error))}".strip()
            raise ScannerUnavailable(reason) from error

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            # The caller limits the time of the scan itself.
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            verify=self.tls,
            # No proxy of the environment reaches a loopback address of this machine.
            trust_env=not is_loopback(urlsplit(self.url).hostname or ""),
        )

    async def _post(self, client: httpx.AsyncClient, file: FileToScan) -> ScanVerdict:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        async with client.stream("POST", self.url, content=question(file), headers=headers) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ScannerUnavailable(f"the answer has status {answer.status_code}")
            body = b""
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > LONGEST_ANSWER:
                    break
        return verdict_in(body)
