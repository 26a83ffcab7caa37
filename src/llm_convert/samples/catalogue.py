"""Every sample: whose it is, what it is called in a week, and what makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from llm_convert.errors import ConfigurationError, unknown_name
from llm_convert.samples.orders import purchase_order
from llm_convert.samples.production import production_report
from llm_convert.samples.profit_and_loss import profit_and_loss
from llm_convert.samples.reservations import reservations
from llm_convert.samples.settlements import settlement
from llm_convert.samples.spoilt import empty, locked, truncated, unknown
from llm_convert.samples.stock import stock_list
from llm_convert.samples.texts import branch_sales, minutes
from llm_convert.samples.weeks import WEEKS, Week

SPA = "c8cd3500"
MANUFACTURER = "cf526000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One document of the samples."""

    tenant: str
    name: str
    """Its file's name, a template over ``week``."""
    make: Callable[[Week], bytes]
    file_id: str = ""
    """What kind of document it is; empty where no mapping rule is to hold."""
    spoilt: bool = False
    """It cannot be read, and there is one of it, in the first week."""

    def file_name(self, week: Week) -> str:
        """The file's name in a week."""
        return self.name.format(week=week)


SAMPLES = (
    Sample(
        tenant=SPA,
        name="주간손익_{week.monday.year}년{week.month}월{week.nth}주차.xlsx",
        make=profit_and_loss,
        file_id="WEEKLY_PROFIT_AND_LOSS",
    ),
    Sample(
        tenant=SPA, name="예약현황_{week.month}월{week.nth}주차.xlsx", make=reservations, file_id="RESERVATION_REPORT"
    ),
    Sample(tenant=SPA, name="지점매출_{week.monday:%Y%m%d}.csv", make=branch_sales, file_id="BRANCH_SALES"),
    Sample(
        tenant=SPA,
        name="제휴사_정산서_{week.monday.year}-{week.month}-{week.nth}주.pdf",
        make=settlement,
        file_id="SETTLEMENT",
    ),
    Sample(tenant=SPA, name="회의록_{week.month}월{week.nth}주.txt", make=minutes),
    Sample(
        tenant=SPA,
        name="주간손익_2025년10월5주차_손상.xlsx",
        make=truncated,
        file_id="WEEKLY_PROFIT_AND_LOSS",
        spoilt=True,
    ),
    Sample(tenant=SPA, name="예약현황_10월5주차.xlsx", make=empty, file_id="RESERVATION_REPORT", spoilt=True),
    Sample(tenant=SPA, name="제휴사_정산서_암호.xlsx", make=locked, file_id="SETTLEMENT", spoilt=True),
    Sample(tenant=SPA, name="주간손익_원본.hwp", make=unknown, file_id="WEEKLY_PROFIT_AND_LOSS", spoilt=True),
    Sample(tenant=MANUFACTURER, name="재고현황_{week.monday:%Y%m%d}.xlsx", make=stock_list, file_id="STOCK_LIST"),
    Sample(
        tenant=MANUFACTURER,
        name="Production report W{week.iso_week}.xlsx",
        make=production_report,
        file_id="PRODUCTION_REPORT",
    ),
    Sample(
        tenant=MANUFACTURER,
        name="발주서_대한상사_{week.monday:%m%d}.eml",
        make=purchase_order,
        file_id="PURCHASE_ORDER",
    ),
)


def sample_of(file_id: str) -> Sample:
    """The sample of a kind of document that can be read.

    Raises:
        ConfigurationError: there is none of this kind; with those there are.
    """
    known = {sample.file_id: sample for sample in SAMPLES if sample.file_id and not sample.spoilt}
    if file_id not in known:
        raise unknown_name("FILE_ID", file_id, known, where="the samples")
    return known[file_id]


def write_samples(folder: Path, *, week: int) -> list[Path]:
    """Write one week's documents below ``<folder>/<tenant code>/shared_drive/``, beside those of other weeks.

    Args:
        folder: made if it is not there; files of the same names are overwritten with the same bytes.
        week: 1 (2025-11-03 to 2025-11-09, with the spoilt files) or 2 (the week after it).

    Raises:
        ConfigurationError: for another week.
        MissingExtraError: when a library that writes documents is not installed.
    """
    if week not in WEEKS:
        raise ConfigurationError(f"there are no samples for week {week!r}", remedy="Give 1 or 2.")
    return [_written(sample, folder, WEEKS[week]) for sample in SAMPLES if week == 1 or not sample.spoilt]


def _written(sample: Sample, folder: Path, week: Week) -> Path:
    path = folder / sample.tenant / "shared_drive" / sample.file_name(week)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sample.make(week))
    return path
