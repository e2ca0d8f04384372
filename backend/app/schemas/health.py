"""The answer of health checks."""

from typing import Literal

from pydantic import BaseModel


class HealthOut(BaseModel):
    status: Literal["ok"]


class LiveOut(HealthOut):
    """The answer with what runs."""

    version: str
    commit: str | None
    """Of the sources. Null if they are no git repository."""
    schema_version: str
    """The newest database schema that it knows."""
