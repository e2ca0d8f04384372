"""The body of every error."""

from pydantic import BaseModel, ConfigDict

from app.domain.errors import ErrorCode


class ErrorItem(BaseModel):
    loc: list[str | int]
    msg: str


class ErrorOut(BaseModel):
    """`code` is for programs, `detail` for people. Facts of the error may follow."""

    model_config = ConfigDict(extra="allow")

    code: ErrorCode
    detail: str
    request_id: str


class ValidationErrorOut(ErrorOut):
    errors: list[ErrorItem]
