from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import duckdb
import pytest

from llm_convert.errors import ConfigurationError, DataError, UnavailableError
from llm_convert.testing.contracts.warehouse import WarehouseContract, load_of, parquet_of, values
from llm_convert.warehouses.duckdb import DuckDbWarehouse

PROCESSES = 3


class TestDuckDbWarehouse(WarehouseContract):
    @pytest.fixture
    def warehouse(self, tmp_path):
        return DuckDbWarehouse(tmp_path / "주간/warehouse.duckdb")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w.duckdb"


@pytest.fixture
def warehouse(path):
    return DuckDbWarehouse(path)


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class TestTheFile:
    def test_looking_makes_no_file(self, warehouse, path):
        assert warehouse.tables() == ()
        with pytest.raises(ConfigurationError, match="unknown table 't'"):
            warehouse.preview("t")
        assert not path.exists()

    def test_what_is_no_database_is_named(self, warehouse, path):
        path.write_bytes(b"no database " * 1000)
        with pytest.raises(ConfigurationError, match=r"w\.duckdb is no DuckDB database.*LLM_CONVERT_WAREHOUSE"):
            warehouse.land(load_of({"amount": [1]}, digest="1"))

    def test_a_folder_that_can_not_be_made_is_told(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(UnavailableError, match="could not be read or written"):
            DuckDbWarehouse(tmp_path / "file/w.duckdb").land(load_of({"amount": [1]}, digest="1"))

    def test_a_database_of_somebody_elses_tables_has_none_landed(self, warehouse, path):
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE mine (a INTEGER)")
        assert warehouse.tables() == ()
        warehouse.land(load_of({"amount": [1]}, digest="1"))
        assert warehouse.tables() == ("weekly_profit",)
        assert warehouse.preview("mine").columns == ("a",)


class TestTheLedger:
    def test_a_person_reads_what_was_landed_when(self, warehouse, path):
        warehouse.land(load_of({"amount": [1, 2]}, digest="d1"))
        warehouse.land(load_of({"amount": [1]}, digest="d2"))
        with duckdb.connect(str(path)) as connection:
            entries = connection.execute("SELECT * EXCLUDE (landed_at) FROM llm_convert._loads").fetchall()
        assert entries == [("weekly_profit", "c8cd3500", "20251107140000", "shared_drive", "d2", 1)]

    @pytest.mark.parametrize("damage", ["DROP TABLE weekly_profit", "DELETE FROM weekly_profit WHERE amount = 1"])
    def test_what_a_person_removed_lands_again(self, warehouse, path, damage):
        load = load_of({"amount": [1, 2]}, digest="1")
        warehouse.land(load)
        with duckdb.connect(str(path)) as connection:
            connection.execute(damage)
        assert warehouse.land(load).changed
        assert values(warehouse, "amount") == [(1,), (2,)]


class TestTheRows:
    def test_rows_without_their_origin_are_refused(self, warehouse):
        load = replace(load_of({"amount": [1]}, digest="1"), parquet=parquet_of({"amount": [1], "_bsda": ["x"]}))
        with pytest.raises(DataError, match="lack _tenant, _branch"):
            warehouse.land(load)

    def test_columns_that_differ_in_case_alone_are_refused(self, warehouse):
        with pytest.raises(DataError, match="AMOUNT, amount"):
            warehouse.land(load_of({"amount": [1], "AMOUNT": [2]}, digest="1"))

    def test_a_contradiction_names_both_types(self, warehouse):
        warehouse.land(load_of({"amount": [1]}, digest="1"))
        with pytest.raises(ConfigurationError, match=r"'amount'.*BIGINT in the warehouse, and VARCHAR in the rows"):
            warehouse.land(load_of({"amount": ["x"]}, digest="2"))

    def test_equal_rows_stay_in_their_order(self, warehouse):
        warehouse.land(load_of({"letter": list("zyxwv" * 500)}, digest="1"))
        assert "".join(letter for (letter,) in values(warehouse, "letter")) == "zyxwv" * 500


HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


class TestOtherProcesses:
    def test_a_file_that_stays_in_use_is_named(self, warehouse, path):
        warehouse.land(load_of({"amount": [1]}, digest="1"))
        with start(HOLDER, path) as holder:
            assert holder.stdout.readline() == "held\n"
            began = time.monotonic()
            with pytest.raises(UnavailableError, match=rf"{path} was in use for 0\.3 s.*PID {holder.pid}"):
                DuckDbWarehouse(path, wait_seconds=0.3).tables()
            assert 0.3 <= time.monotonic() - began < 5
            holder.kill()

    def test_a_file_that_is_given_back_is_waited_for(self, warehouse, path):
        warehouse.land(load_of({"amount": [1]}, digest="1"))
        with start(HOLDER, path) as holder:
            assert holder.stdout.readline() == "held\n"
            holder.stdin.write("go\n")
            holder.stdin.flush()
            assert warehouse.tables() == ("weekly_profit",)

    def test_many_processes_land_at_once(self, warehouse, path):
        loaders = [start(LOADER, path, number) for number in range(PROCESSES)]
        outputs = [loader.communicate(timeout=60)[0].split() for loader in loaders]
        assert [loader.returncode for loader in loaders] == [0] * PROCESSES
        assert sum(output[0] == "changed" for output in outputs) == 1, "the load that all of them had"
        assert all(output[1:] == ["changed"] * 2 for output in outputs)
        assert warehouse.preview("weekly_profit").total == 2 + PROCESSES * 2

    def test_kill_minus_nine_leaves_whole_loads(self, warehouse, path):
        with start(KILLED, path) as loader:
            assert loader.stdout.readline() == "started\n"
            time.sleep(0.4)
            loader.kill()
        amounts = [amount for (amount,) in values(warehouse, "amount")]
        assert amounts == [amounts[0]] * 1000
        assert warehouse.land(load_of({"amount": [amounts[0]] * 1000}, digest=f"{amounts[0]}")).changed is False


LOADER = """
import sys
from pathlib import Path
from llm_convert.testing.contracts.warehouse import load_of
from llm_convert.warehouses.duckdb import DuckDbWarehouse
warehouse, number = DuckDbWarehouse(Path(sys.argv[1])), sys.argv[2]
loads = [load_of({"amount": [0, 0]}, digest="all", branch="all")]
loads += [load_of({"amount": [turn]}, digest="1", branch=f"b{number}-{turn}") for turn in range(2)]
for load in loads:
    print("changed" if warehouse.land(load).changed else "same")
"""

KILLED = """
import itertools, sys
from pathlib import Path
from llm_convert.testing.contracts.warehouse import load_of
from llm_convert.warehouses.duckdb import DuckDbWarehouse
warehouse = DuckDbWarehouse(Path(sys.argv[1]))
for turn in itertools.count():
    warehouse.land(load_of({"amount": [turn] * 1000}, digest=f"{turn}"))
    if turn == 0:
        print("started", flush=True)
"""
