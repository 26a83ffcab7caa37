"""What every warehouse must do. Subclass it with a ``warehouse`` fixture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from llm_convert.errors import ConfigurationError, DataError
from llm_convert.ports import Landed, Load, Warehouse
from llm_convert.testing.contracts.racing import race

TENANT, BSDA, BRANCH = "c8cd3500", "20251107140000", "shared_drive"
RACERS = 8


def parquet_of(columns: Mapping[str, Sequence[Any]], types: Mapping[str, Any] | None = None) -> bytes:
    """Parquet bytes of columns; ``types`` are pyarrow types of those that can't be told from their values."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = types or {}
    table = pa.table({name: pa.array(list(values), types.get(name)) for name, values in columns.items()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def load_of(
    columns: Mapping[str, Sequence[Any]],
    *,
    digest: str,
    table: str = "weekly_profit",
    tenant: str = TENANT,
    bsda: str = BSDA,
    branch: str = BRANCH,
    types: Mapping[str, Any] | None = None,
) -> Load:
    """A load of these columns, to which those that say where the rows came from are added."""
    import pyarrow as pa

    rows = len(next(iter(columns.values()), ()))
    scope = {"_tenant": [tenant] * rows, "_bsda": [bsda] * rows, "_branch": [branch] * rows}
    data = parquet_of({**columns, **scope}, {**dict.fromkeys(scope, pa.string()), **(types or {})})
    uri = f"memory://{table}/{bsda}/{branch}.parquet"
    return Load(table=table, tenant=tenant, bsda=bsda, branch=branch, digest=digest, parquet=data, uri=uri)


def values(warehouse: Warehouse, *names: str, table: str = "weekly_profit") -> list[tuple[Any, ...]]:
    """All rows of a table, with these columns alone."""
    found = warehouse.preview(table, limit=10_000)
    places = [found.columns.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in found.rows]


class WarehouseContract:
    """The promises of ``ports.Warehouse``."""

    @pytest.fixture
    def warehouse(self) -> Warehouse:
        """An empty warehouse for one test alone."""
        raise NotImplementedError("override the fixture 'warehouse'")

    def test_rows_land(self, warehouse: Warehouse) -> None:
        """With their values, in their order."""
        assert warehouse.tables() == ()
        landed = warehouse.land(load_of({"store": ["강남점", "홍대점"], "amount": [1, 2], "_row": [0, 1]}, digest="1"))
        assert landed == Landed(rows=2, changed=True)
        assert warehouse.tables() == ("weekly_profit",)
        assert values(warehouse, "store", "amount") == [("강남점", 1), ("홍대점", 2)]

    def test_the_same_load_again_changes_nothing(self, warehouse: Warehouse) -> None:
        """However often."""
        load = load_of({"amount": [1, 2]}, digest="1")
        assert warehouse.land(load).changed
        for _ in range(2):
            assert warehouse.land(load) == Landed(rows=2, changed=False)
        assert warehouse.preview("weekly_profit").total == 2

    def test_another_digest_replaces(self, warehouse: Warehouse) -> None:
        """Even by fewer rows, by none, and by what was there before."""
        for amounts, digest in (([1, 2, 3], "1"), ([9], "2"), ([1, 2, 3], "1")):
            assert warehouse.land(load_of({"amount": amounts}, digest=digest)) == Landed(
                rows=len(amounts), changed=True
            )
            assert sorted(values(warehouse, "amount")) == [(amount,) for amount in amounts]

    def test_a_load_without_rows_empties_its_scope(self, warehouse: Warehouse) -> None:
        """And makes the table when there is none."""
        import pyarrow as pa

        empty = load_of({"amount": []}, digest="0", types={"amount": pa.int64()})
        assert warehouse.land(empty) == Landed(rows=0, changed=True)
        assert warehouse.tables() == ("weekly_profit",)
        assert warehouse.preview("weekly_profit").rows == ()
        warehouse.land(load_of({"amount": [1]}, digest="1"))
        assert warehouse.land(empty) == Landed(rows=0, changed=True)
        assert warehouse.preview("weekly_profit").total == 0

    @pytest.mark.parametrize(
        "other", [{"branch": "email"}, {"bsda": "20251108140000"}, {"tenant": "other"}, {"table": "other"}]
    )
    def test_loads_stand_beside_each_other(self, warehouse: Warehouse, other: dict[str, Any]) -> None:
        """Another branch, BSDA, tenant or table is nobody else's business, also with the same digest."""
        table = other.get("table", "weekly_profit")
        warehouse.land(load_of({"amount": [1]}, digest="1"))
        assert warehouse.land(load_of({"amount": [2, 3]}, digest="1", **other)).changed
        assert warehouse.land(load_of({"amount": [7]}, digest="2")).changed
        beside = [] if "table" in other else [7]
        assert sorted(values(warehouse, "amount", table=table)) == sorted((a,) for a in [2, 3, *beside])
        assert (7,) in values(warehouse, "amount")
        assert (1,) not in values(warehouse, "amount")

    def test_a_new_column_is_added_and_empty_before(self, warehouse: Warehouse) -> None:
        """And a column that is no longer there is empty after."""
        warehouse.land(load_of({"amount": [1], "old": ["x"]}, digest="1", bsda="20251107000000"))
        warehouse.land(load_of({"new": [2.5], "amount": [2]}, digest="2", bsda="20251108000000"))
        assert values(warehouse, "amount", "old", "new") == [(1, "x", None), (2, None, 2.5)]

    def test_a_contradicting_type_is_refused_and_nothing_changes(self, warehouse: Warehouse) -> None:
        """The error names the column; a new column of the refused load is not added either."""
        warehouse.land(load_of({"amount": [1]}, digest="1"))
        before = warehouse.preview("weekly_profit")
        with pytest.raises(ConfigurationError, match="amount") as caught:
            warehouse.land(load_of({"new": ["x"], "amount": ["one"]}, digest="2"))
        assert caught.value.remedy
        assert warehouse.preview("weekly_profit") == before
        assert not warehouse.land(load_of({"amount": [1]}, digest="1")).changed

    def test_a_column_without_values_or_type_changes_nothing(self, warehouse: Warehouse) -> None:
        """It neither gives an old column another type nor keeps a later one from getting its own."""
        warehouse.land(load_of({"amount": [1], "note": [None]}, digest="1"))
        warehouse.land(load_of({"amount": [None], "note": ["x"]}, digest="2"))
        assert values(warehouse, "amount", "note") == [(None, "x")]

    def test_types_are_kept(self, warehouse: Warehouse) -> None:
        """Money is exact, a date is a date, and Korean text is itself."""
        import pyarrow as pa

        row = {
            "text": "매출액 '\"; DROP TABLE x",
            "integer": 2**53 + 1,
            "number": 0.1,
            "money": Decimal("12345678901234567890.123456789"),
            "day": date(2025, 11, 7),
            "moment": datetime(2025, 11, 7, 14, 0, 1, 5),
            "zoned": datetime(2025, 11, 7, 14, tzinfo=UTC),
            "flag": True,
        }
        types = {"money": pa.decimal128(38, 9)}
        columns = {name: [value, None] for name, value in row.items()}
        warehouse.land(load_of({**columns, "_row": [0, 1]}, digest="1", types=types))
        first, second = values(warehouse, *row)
        assert dict(zip(row, first, strict=True)) == row
        assert second == (None,) * len(row)

    def test_dictionary_columns_are_text(self, warehouse: Warehouse) -> None:
        """How a file is compressed is no part of the type: the next load has other words."""
        import pyarrow as pa

        types = {"word": pa.dictionary(pa.int32(), pa.string())}
        for digest, word in (("1", "가"), ("2", "나")):
            warehouse.land(load_of({"word": [word]}, digest=digest, types=types))
            assert values(warehouse, "word") == [(word,)]
        assert warehouse.land(load_of({"word": ["plain"]}, digest="3")).changed

    @pytest.mark.parametrize("name", ["select", "order", "table", "rows"])
    def test_words_of_sql_are_names_too(self, warehouse: Warehouse, name: str) -> None:
        """For tables and columns alike."""
        warehouse.land(load_of({name: [1]}, digest="1", table=name))
        warehouse.land(load_of({name: [2], "more": [3]}, digest="2", table=name))
        assert warehouse.tables() == (name,)
        assert values(warehouse, name, "more", table=name) == [(2, 3)]

    def test_rows_of_another_scope_are_refused(self, warehouse: Warehouse) -> None:
        """They would land where no later load replaces them."""
        for name, value in (("branch", "email"), ("bsda", "20251108140000"), ("tenant", "other")):
            other = load_of({"amount": [1]}, digest="1", **{name: value})  # type: ignore[arg-type]
            mixed = replace(other, tenant=TENANT, bsda=BSDA, branch=BRANCH)
            with pytest.raises(DataError):
                warehouse.land(mixed)
        assert warehouse.tables() == ()

    @pytest.mark.parametrize("data", [b"", b"no parquet", b"PAR1PAR1"])
    def test_what_is_no_parquet_is_refused(self, warehouse: Warehouse, data: bytes) -> None:
        """Before anything changes."""
        load = Load(table="t", tenant=TENANT, bsda=BSDA, branch=BRANCH, digest="1", parquet=data, uri="memory://t")
        with pytest.raises(DataError):
            warehouse.land(load)
        assert warehouse.tables() == ()

    def test_previews_are_in_a_stable_order(self, warehouse: Warehouse) -> None:
        """By BSDA, tenant, branch and row, however they were landed."""
        places = list(product(("20251107000000", "20251108000000"), "ab", "xy"))
        for number, (bsda, tenant, branch) in enumerate(reversed(places)):
            rows = {"_row": [2, 0, 1], "amount": [number] * 3}
            warehouse.land(load_of(rows, digest=f"{number}", bsda=bsda, tenant=tenant, branch=branch))
        expected = [(*place, row) for place in places for row in range(3)]
        assert values(warehouse, "_bsda", "_tenant", "_branch", "_row") == expected
        preview = warehouse.preview("weekly_profit", limit=4)
        assert (len(preview.rows), preview.total) == (4, 24)
        assert preview == warehouse.preview("weekly_profit", limit=4)
        assert len(warehouse.preview("weekly_profit").rows) == 5
        assert warehouse.preview("weekly_profit", limit=0).rows == ()

    def test_a_table_that_is_not_there(self, warehouse: Warehouse) -> None:
        """The error names the nearest one that is."""
        with pytest.raises(ConfigurationError):
            warehouse.preview("weekly_profit")
        warehouse.land(load_of({"amount": [1]}, digest="1"))
        with pytest.raises(ConfigurationError, match="weekly_profit"):
            warehouse.preview("weekly_profits")

    def test_racing_loaders_of_one_load_land_it_once(self, warehouse: Warehouse) -> None:
        """Everybody succeeds, one of them changes something."""
        load = load_of({"amount": [1, 2, 3]}, digest="1")
        landed = race(RACERS, lambda _: warehouse.land(load))
        assert sorted(one.changed for one in landed) == [False] * (RACERS - 1) + [True]
        assert {one.rows for one in landed} == {3}
        assert warehouse.preview("weekly_profit").total == 3

    def test_racing_loaders_of_one_scope_leave_one_load(self, warehouse: Warehouse) -> None:
        """Never a mixture of two."""
        race(RACERS, lambda n: warehouse.land(load_of({"amount": [n] * (n + 1)}, digest=f"{n}")))
        amounts = [amount for (amount,) in values(warehouse, "amount")]
        assert amounts == [amounts[0]] * (amounts[0] + 1)

    def test_racing_loaders_of_many_scopes_all_land(self, warehouse: Warehouse) -> None:
        """Each with a column of its own, so that they change the table at once too."""
        race(RACERS, lambda n: warehouse.land(load_of({f"only_{n}": [n]}, digest="1", branch=f"b{n}")))
        preview = warehouse.preview("weekly_profit", limit=100)
        assert preview.total == RACERS
        assert {f"only_{n}" for n in range(RACERS)} < set(preview.columns)
