"""The body of a table of records: its rows' limits, and what is known about all of them before they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from llm_convert.contracts.prompt import OutputField, Role
from llm_convert.contracts.tables import FieldType
from llm_convert.contracts.work import Claimed
from llm_convert.layouts.claims import Row, Stated
from llm_convert.layouts.grid import Grid
from llm_convert.layouts.record_columns import Mapping
from llm_convert.layouts.record_headers import HeaderBlock
from llm_convert.layouts.totals import Rules
from llm_convert.layouts.units import units_of


@dataclass(slots=True, kw_only=True)
class Body:
    """One table of records. What holds for all of its rows is worked out once, when it is made."""

    grid: Grid
    block: HeaderBlock
    mapping: Mapping
    fields: Sequence[OutputField]
    rules: Rules
    end: int
    """The first row that is no longer the table's."""
    titles: Row
    unit: Stated | None
    year: Stated | None
    repeated: bool
    """Another table with this header stands above: then the line over the header tells the two apart."""
    sections: dict[str, Claimed] = field(default_factory=dict)
    """By section field what holds until the next heading, the next filled cell or a total."""
    names: frozenset[str] = field(init=False)
    """The fields of a row."""
    left: int = field(init=False)
    """The first column that can belong to a row."""
    typed: frozenset[int] = field(init=False)
    """Columns of numbers and dates alone."""
    units: dict[str, Stated | None] = field(init=False)
    """By field the unit of its numbers: its own header's, else the table's."""

    def __post_init__(self) -> None:
        self.names = frozenset(wanted.name for wanted in self.fields)
        self.left = self.mapping.left
        # Labels under blank headers stand beside the first field; what lies beyond an empty column is another table.
        rows = range(self.block.top, self.end)
        while self.left > 0 and any(self.grid.cell(row, self.left - 1) for row in rows):
            self.left -= 1
        columns = [(self.mapping.columns.get(wanted.name), wanted.type is FieldType.TEXT) for wanted in self.fields]
        texts = {column for column, is_text in columns if is_text}
        self.typed = frozenset(column for column, _ in columns if column is not None and column not in texts)
        self.units = units_of(self.grid, self.fields, dict(self.mapping.headers), self.unit)

    @property
    def heading_field(self) -> OutputField | None:
        """The section field that no column holds: heading lines do."""
        return next((f for f in self.fields if f.role is Role.SECTION and f.name not in self.mapping.columns), None)
