"""Let the store misbehave, and see whether each contender recovers, gives up or hangs.

All contenders meet one fault at the same time, each in a browser context of its own (own connections).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contest import CHROMIUM, CHROMIUM_ARGUMENTS
from playwright.sync_api import Page, Playwright
from servers import Servers

CONTENDERS = ("slipway", "uppy6", "uppy5", "upchunk", "tus", "better")
# As long as a change of networks or a store's failover takes.
OUTAGE_SECONDS = 12
HANGS_AFTER_SECONDS = 120.0


@dataclass(frozen=True)
class Fault:
    title: str
    orders: Mapping[str, object]
    size_mib: int = 12
    # Contenders to which it cannot happen.
    spared: Mapping[str, str] = field(default_factory=dict)


def _status(status: int) -> Mapping[str, object]:
    return {"kind": "status", "status": status, "seconds": OUTAGE_SECONDS}


FAULTS = (
    Fault(
        f"connections break for {OUTAGE_SECONDS} s",
        {"kind": "connection_error", "seconds": OUTAGE_SECONDS},
    ),
    Fault(f"503 for {OUTAGE_SECONDS} s", _status(503)),
    Fault(f"500 for {OUTAGE_SECONDS} s", _status(500)),
    Fault(f"429 for {OUTAGE_SECONDS} s", _status(429)),
    Fault(
        "403, the first URL of each part has expired",
        {"kind": "expired"},
        spared={"tus": "no signed URLs"},
    ),
    # No socket's buffer takes a whole part, and Uppy still sends the file in one request.
    Fault("one connection falls silent after 256 KiB", {"kind": "silence"}, size_mib=90),
)


@dataclass(frozen=True)
class Verdict:
    fault: str
    contender: str
    recovered: bool
    seconds: float | None
    said: str


def run_fault(playwright: Playwright, servers: Servers, fault: Fault, video: Path) -> list[Verdict]:
    verdicts = [
        Verdict(fault.title, name, False, None, f"does not apply: {why}")
        for name, why in fault.spared.items()
    ]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
    try:
        waiting: dict[str, tuple[Page, str]] = {}
        for name in CONTENDERS:
            if name in fault.spared:
                continue
            run = servers.new_run(fault.orders)
            page = browser.new_context().new_page()
            page.goto(servers.page(name, run, integrity=True))
            page.wait_for_function("window.bench?.ready")
            waiting[name] = (page, run)
        for page, _ in waiting.values():
            page.set_input_files("input", video)
        ends = time.monotonic() + HANGS_AFTER_SECONDS
        while waiting and time.monotonic() < ends:
            time.sleep(0.25)
            for name, (page, run) in list(waiting.items()):
                chosen, ended, error = page.evaluate("[bench.chosenAt, bench.endedAt, bench.error]")
                if ended is None:
                    continue
                del waiting[name]
                verdicts.append(
                    _verdict(fault, name, (ended - chosen) / 1000, error, servers.counts(run), video)
                )
        for name in waiting:
            verdicts.append(
                Verdict(fault.title, name, False, None, "hangs: neither an error nor another try")
            )
    finally:
        browser.close()
    return sorted(verdicts, key=lambda verdict: CONTENDERS.index(verdict.contender))


def _verdict(
    fault: Fault, name: str, seconds: float, error: str | None, counts: Mapping[str, int], video: Path
) -> Verdict:
    if error is not None:
        said = f"gives up after {seconds:.1f} s ({' '.join(error.split())[:60]})"
        return Verdict(fault.title, name, False, seconds, said)
    if counts["stored"] < video.stat().st_size:
        said = (
            f"says done after {seconds:.1f} s, with {counts['stored']} of {video.stat().st_size} bytes stored"
        )
        return Verdict(fault.title, name, False, seconds, said)
    return Verdict(fault.title, name, True, seconds, f"recovers, done after {seconds:.1f} s")
