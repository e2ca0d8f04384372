"""Structured logs: one event a line, JSON for machines, readable on a terminal."""

import logging
import sys
from typing import TextIO

import structlog


def configure_logging(stream: TextIO | None = None) -> None:
    """Sends our events and the libraries' warnings to `stream` (stderr) in one form."""
    output = stream or sys.stderr
    renderer: structlog.typing.Processor = (
        # Plain: structlog's rich traceback prints every local variable, passwords and tokens among them.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if output.isatty()
        else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer]
        if not output.isatty()
        else [*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ]
            if not output.isatty()
            else [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # botocore and urllib3 log request lines at DEBUG and INFO, and those hold signatures.
    root.setLevel(logging.WARNING)
