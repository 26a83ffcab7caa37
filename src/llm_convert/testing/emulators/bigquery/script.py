"""A text of GoogleSQL as statements, blocks, conditions and loops. What a statement says is not looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from llm_convert.testing.emulators.bigquery.faults import invalid_query

_TOKENS = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|\#[^\n]*|/\*.*?\*/)
  | (?P<text>(?:\b(?:rb|br|r|b))?(?:'{3}.*?'{3}|"{3}.*?"{3}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")|`(?:\\.|[^`\\])*`)
  | (?P<word>\w+)
  | (?P<end>;)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sql:
    """One statement."""

    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """``BEGIN ... EXCEPTION WHEN ERROR THEN ... END``."""

    body: tuple[Node, ...]
    handler: tuple[Node, ...] | None


@dataclass(frozen=True, slots=True)
class If:
    """Conditions with what follows from each; the last may be the condition ``TRUE``."""

    branches: tuple[tuple[str, tuple[Node, ...]], ...]


@dataclass(frozen=True, slots=True)
class Loop:
    """``WHILE condition DO ... END WHILE``, or ``LOOP`` with the condition ``TRUE``."""

    condition: str
    body: tuple[Node, ...]


Node = Sql | Block | If | Loop


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "word" else self.text


def parse_script(sql: str) -> tuple[Node, ...]:
    """The statements of a text. Raises ApiError when blocks do not match."""
    reader = _Reader(sql, [token for token in _tokens(sql) if token.kind != "space"])
    nodes = reader.nodes(set())
    if not reader.is_done():
        raise invalid_query(f'Syntax error: Unexpected keyword "{reader.peek()}" at {reader.place()}')
    if not nodes:
        raise invalid_query("Syntax error: Unexpected end of script at [1:1]")
    return nodes


def statements_of(nodes: tuple[Node, ...]) -> Iterator[str]:
    """All statements within."""
    for node in nodes:
        match node:
            case Sql(text):
                yield text
            case Block(body, handler):
                yield from statements_of(body + (handler or ()))
            case If(branches):
                for _, body in branches:
                    yield from statements_of(body)
            case Loop(_, body):
                yield from statements_of(body)


def _tokens(sql: str) -> Iterator[_Token]:
    for found in _TOKENS.finditer(sql):
        yield _Token(str(found.lastgroup), found[0], found.start(), found.end())


@dataclass(slots=True)
class _Reader:
    sql: str
    tokens: list[_Token]
    at: int = field(default=0)

    def is_done(self) -> bool:
        return self.at >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.tokens[index].word if index < len(self.tokens) else ""

    def place(self) -> str:
        start = self.tokens[self.at].start if not self.is_done() else len(self.sql)
        before = self.sql[:start]
        return f"[{before.count(chr(10)) + 1}:{start - (before.rfind(chr(10)) + 1) + 1}]"

    def expect(self, *words: str) -> None:
        for word in words:
            if self.peek() != word:
                found = f'"{self.peek()}"' if self.peek() else "end of script"
                raise invalid_query(f"Syntax error: Expected keyword {word} but got {found} at {self.place()}")
            self.at += 1

    def nodes(self, stops: set[str]) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.is_done() and self.peek() not in stops:
            if self.peek() == ";":
                self.at += 1
            else:
                found.append(self.node())
        return tuple(found)

    def node(self) -> Node:
        match self.peek():
            case "BEGIN" if self.peek(1) not in {"TRANSACTION", ";", ""}:
                return self.block()
            case "IF" if self.peek(1) != "":
                return self.condition()
            case "WHILE":
                self.at += 1
                said = self.until("DO")
                return self.loop(said, "WHILE")
            case "LOOP":
                self.at += 1
                return self.loop("TRUE", "LOOP")
            case _:
                return Sql(self.until(";", optional=True))

    def block(self) -> Block:
        self.expect("BEGIN")
        body, handler = self.nodes({"END", "EXCEPTION"}), None
        if self.peek() == "EXCEPTION":
            self.expect("EXCEPTION", "WHEN", "ERROR", "THEN")
            handler = self.nodes({"END"})
        self.expect("END")
        return Block(body, handler)

    def condition(self) -> If:
        self.expect("IF")
        branches = [(self.until("THEN"), self.nodes({"ELSEIF", "ELSE", "END"}))]
        while self.peek() == "ELSEIF":
            self.at += 1
            branches.append((self.until("THEN"), self.nodes({"ELSEIF", "ELSE", "END"})))
        if self.peek() == "ELSE":
            self.at += 1
            branches.append(("TRUE", self.nodes({"END"})))
        self.expect("END", "IF")
        return If(tuple(branches))

    def loop(self, condition: str, word: str) -> Loop:
        body = self.nodes({"END"})
        self.expect("END", word)
        return Loop(condition, body)

    def until(self, word: str, *, optional: bool = False) -> str:
        """The text up to a word that stands outside of any CASE; the word is passed over."""
        first, cases = self.at, 0
        while not self.is_done() and not (self.peek() == word and (cases == 0 or word == ";")):
            cases += {"CASE": 1, "END": -1}.get(self.peek(), 0)
            self.at += 1
        if self.is_done() and not optional:
            self.expect(word)
        text = self.sql[self.tokens[first].start : self.tokens[self.at - 1].end] if self.at > first else ""
        self.at += not self.is_done()
        return text
