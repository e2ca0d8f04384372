"""What the server's loop logs of its limits."""

import uvicorn
from structlog.testing import capture_logs

from app.core.connection_table import ConnectionTable
from app.server import _Server

ONCE_A_MINUTE = 600


async def test_logs_once_a_minute_how_many_connections_made_room() -> None:
    table: ConnectionTable[object] = ConnectionTable(10, 1)
    server = _Server(uvicorn.Config(lambda: None, log_config=None), [], table)  # type: ignore[arg-type]  # any key
    for number in range(4):
        table.enter(number, "a")

    with capture_logs() as lines:
        for tick in (1, ONCE_A_MINUTE, ONCE_A_MINUTE + 1, 2 * ONCE_A_MINUTE):
            await server.on_tick(tick)
        table.enter(4, "a")
        await server.on_tick(3 * ONCE_A_MINUTE)

    assert lines == [
        {"event": "connections.full", "log_level": "warning", "ended": 3, "open": 1},
        {"event": "connections.full", "log_level": "warning", "ended": 1, "open": 1},
    ]
