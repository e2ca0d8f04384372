"""Run the two servers of the measurement, the page's with a stand-in API and the store, as processes."""

# ruff: noqa: S603  # starts programs of this folder and of the system, by name as `make` does

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from measuring import opened  # noqa: E402  # after the path


class Server:
    """Commands and answers use its standard input and output, so that they load no socket."""

    def __init__(self, script: str, host: str, prefix: Sequence[str] = ()) -> None:
        self._process = subprocess.Popen(
            [*prefix, "node", str(HERE / "servers" / script), host],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.origin = f"http://{host}:{self._read()['port']}"

    def ask(self, command: str, **facts: object) -> dict[str, Any]:
        orders = opened(self._process.stdin)
        orders.write(json.dumps({"command": command, **facts}) + "\n")
        orders.flush()
        return self._read()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        line = opened(self._process.stdout).readline()
        if line == "":
            raise RuntimeError("a server of the measurement ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Servers:
    def __init__(self, host: str = "127.0.0.1", prefix: Sequence[str] = ()) -> None:
        self.host = host
        self._prefix = prefix
        self._runs = 0

    def __enter__(self) -> Self:
        self.store = Server("store.mjs", self.host, self._prefix)
        self.app = Server("app.mjs", self.host, self._prefix)
        self.app.ask("store", origin=self.store.origin)
        return self

    def __exit__(self, *_: object) -> None:
        self.store.stop()
        self.app.stop()

    def new_run(self, fault: Mapping[str, object] | None = None) -> str:
        self._runs += 1
        name = f"run{self._runs}"
        if fault is not None:
            self.store.ask("fault", run=name, fault=fault)
            if fault["kind"] == "expired":
                self.app.ask("expire_first", run=name)
        return name

    def page(self, contender: str, run: str, *, integrity: bool) -> str:
        flag = "on" if integrity else "off"
        return f"{self.app.origin}/{contender}?run={run}&store={self.store.origin}&integrity={flag}"

    def counts(self, run: str) -> dict[str, Any]:
        app = self.app.ask("counts", run=run)
        return {
            **self.store.ask("counts", run=run),
            "api_requests": app["requests"],
            "md5s": app["md5s"],
        }

    def forget(self, run: str) -> None:
        self.store.ask("forget", run=run)
        self.app.ask("forget", run=run)
