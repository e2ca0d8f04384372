"""Call a Slipway server over HTTP, as an API client. Calls are repeated until they are answered."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from app.core.operator_errors import OperatorError

GIVE_UP_SECONDS: Final = 300.0
"""Of outages without any progress."""
_TIMEOUT: Final = httpx.Timeout(60, connect=10)
_LONGEST_WAIT_SECONDS: Final = 30.0
_ACCEPTED: Final = 202


class Refused(OperatorError):
    """The server refused a call for good, in its own words."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.facts = _facts(answer)
        super().__init__(str(self.facts.get("detail") or f"The server answers {self.status}."))

    @property
    def code(self) -> str:
        return str(self.facts.get("code", ""))


class NotSlipway(OperatorError):
    pass


class GivenUp(OperatorError):
    def __init__(self, what: str) -> None:
        super().__init__(f"Gave up after {GIVE_UP_SECONDS:.0f} s without progress. {what}")


@dataclass
class Patience:
    """How long to go on without progress."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _failures: int = 0
    _progress_at: float = field(default=0.0)

    def __post_init__(self) -> None:
        self._progress_at = self.clock()

    def progressed(self) -> None:
        self._failures = 0
        self._progress_at = self.clock()

    def wait(self, what: str, seconds: float | None = None) -> None:
        """Wait before the next attempt, longer after each failure. Raise GivenUp."""
        if self.clock() - self._progress_at > GIVE_UP_SECONDS:
            raise GivenUp(what)
        self.sleep(min(2.0**self._failures, _LONGEST_WAIT_SECONDS) if seconds is None else seconds)
        self._failures += 1


class Client:
    """Signs in by itself, again if the session ends meanwhile. `close` ends the session."""

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        new_patience: Callable[[], Patience],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.new_patience = new_patience
        self._login = {"username": user, "password": password}
        self._http = httpx.Client(base_url=f"{url.rstrip('/')}/api/v1", timeout=_TIMEOUT, transport=transport)

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def post(self, path: str, body: object, *, idempotency_key: str | None = None) -> Any:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._call("POST", path, json=body, headers=headers)

    def cancel(self, path: str) -> None:
        """Delete at this path with one attempt. Raise httpx.HTTPError."""
        self._http.delete(path)

    def close(self) -> None:
        try:
            if "Authorization" in self._http.headers:
                self._http.post("/auth/logout")
        except httpx.HTTPError:
            pass  # it ends by itself
        finally:
            self._http.close()

    def _call(self, method: str, path: str, **how: Any) -> Any:
        if "Authorization" not in self._http.headers:
            self._sign_in()
        answer = self._answer(method, path, **how)
        if answer.status_code == 401:
            self._sign_in()
            answer = self._answer(method, path, **how)
        return _body(answer)

    def _sign_in(self) -> None:
        self._http.headers.pop("Authorization", None)
        facts = _body(self._answer("POST", "/auth/token", data=self._login))
        if "access_token" not in facts:
            raise NotSlipway(f"What answers at {self._http.base_url} is not Slipway.")
        self._http.headers["Authorization"] = f"Bearer {facts['access_token']}"

    def _answer(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Return an answer that a repetition would not change. Every call of the protocol may be repeated."""
        patience = self.new_patience()
        while True:
            wait = None
            try:
                answer = self._http.request(method, path, **how)
            except httpx.TransportError as error:
                what = f"{self._http.base_url} doesn't answer ({type(error).__name__})."
            else:
                if answer.status_code < 500 and answer.status_code not in (_ACCEPTED, 408, 429):
                    return answer
                if answer.status_code == _ACCEPTED:  # the server works on it
                    patience.progressed()
                what = str(Refused(answer))
                wait = _retry_after(answer)
            patience.wait(what, wait)


def _retry_after(answer: httpx.Response) -> float | None:
    """Return the seconds that the server names. An answer of a proxy names none, and 202 means 2 s."""
    if answer.status_code == _ACCEPTED:
        return 2.0
    named = answer.headers.get("Retry-After", "")
    return float(named) if named.isdecimal() else None


def _body(answer: httpx.Response) -> Any:
    if not answer.is_success:
        raise Refused(answer)
    return _facts(answer)


def _facts(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object, or an empty one for an answer that is none, for example of a proxy."""
    try:
        facts = answer.json()
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
