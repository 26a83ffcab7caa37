"""The answer's form, for peers that take it as pydantic models."""

from pydantic import BaseModel


class Text(BaseModel):
    value: str | None
    at: list[str]


class Number(BaseModel):
    value: float | None
    at: list[str]


class Row(BaseModel):
    item: Text
    sold_on: Text | None = None
    amount: Number


class Answer(BaseModel):
    """The rows of a document."""

    rows: list[Row]
