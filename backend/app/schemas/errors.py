"""The one shape of every error."""

from pydantic import BaseModel, ConfigDict


class ErrorItem(BaseModel):
    loc: list[str | int]
    msg: str


class ErrorOut(BaseModel):
    """`code` is for programs, `detail` is a sentence for people; facts of the error may follow."""

    model_config = ConfigDict(extra="allow")

    code: str
    detail: str
    request_id: str


class ValidationErrorOut(ErrorOut):
    errors: list[ErrorItem]
