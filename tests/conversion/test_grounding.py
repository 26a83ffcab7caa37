from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from llm_convert.contracts.document import Document, Image, Sheet, TextPage
from llm_convert.contracts.prompt import OutputField, OutputSchema, Prompt
from llm_convert.contracts.work import Answer, Claimed
from llm_convert.conversion.grounding import prove

DOCUMENT = Document(
    name="손익.xlsx",
    sha256="0" * 64,
    kind="xlsx",
    parts=(
        Sheet(
            name="손익",
            rows=(
                ("2025년 11월 1주차 (2025.11.03 ~ 2025.11.09)", None, "(단위: 천원)"),
                ("구분", "계획", "실 적"),
                ("서비스 매출", 1200, "(1,234.5)"),
                ("비율", 0.125, "12.5%"),
                (date(2025, 11, 3), True, "11/04"),
                ("23", 1234, "USD thousands"),
            ),
        ),
        TextPage(name="page 1", lines=("서비스 매출   1,234,000원   수수료 12.5%", "2025년 11월 7일 정산")),
        Image(name="scan", media_type="image/png", data=b""),
    ),
)


def verdict(type: str, value: Any, at: list[str], **field: Any) -> str:
    """Empty for a proven value, else the reason."""
    prompt = Prompt(
        prompt_id="p",
        file_ids=("X",),
        instructions="x",
        output=OutputSchema(table="t", fields=(OutputField(name="f", type=type, **field),)),
    )
    proven, quarantined = prove(Answer(rows=({"f": Claimed(value=value, at=tuple(at))},)), prompt, DOCUMENT)
    assert len(proven) + len(quarantined) == 1
    return "" if proven else "; ".join(quarantined[0].reasons)


@pytest.mark.parametrize(
    ("type", "value", "at", "field"),
    [
        ("integer", 1200, ["손익!B3"], {}),
        ("decimal", "-1234.5", ["손익!C3"], {}),
        ("decimal", 1200000, ["손익!B3", "손익!C1"], {"unit": "KRW"}),
        ("decimal", "-1234500", ["손익!C3", "손익!C1"], {"unit": "KRW"}),
        ("number", 0.125, ["손익!C4"], {}),
        ("number", 0.125, ["손익!B4"], {}),
        ("integer", 1234000, ["page 1!line 1"], {}),
        ("number", 0.125, ["page 1!line 1"], {}),
        ("date", "2025-11-03", ["손익!A5"], {}),
        ("date", "2025-11-09", ["손익!A1"], {}),
        ("date", "2025-11-04", ["손익!C5", "손익!A1"], {}),
        ("date", "2025-11-07", ["page 1!line 2"], {}),
        ("text", "서비스 매출", ["손익!A3"], {}),
        ("text", "서비스  매출", ["page 1!line 1"], {}),
        ("text", "구분 > 계획", ["손익!A2", "손익!B2"], {}),
        ("text", "실적", ["손익!C2"], {"values": ["계획", "실적"]}),
        ("boolean", True, ["손익!B5"], {}),
        ("text", None, [], {}),
    ],
)
def test_what_stands_there_is_proven(type: str, value: Any, at: list[str], field: dict[str, Any]) -> None:
    assert verdict(type, value, at, **field) == ""


@pytest.mark.parametrize(
    ("type", "value", "at", "field", "said"),
    [
        ("integer", 1201, ["손익!B3"], {}, "is not what stands at 손익!B3"),
        ("decimal", "1234.5", ["손익!C3"], {}, "is not what stands"),
        ("decimal", 1200000, ["손익!B3"], {"unit": "KRW"}, "is not what stands"),
        ("decimal", 1200, ["손익!B3", "손익!C1"], {"unit": "KRW"}, "is not what stands"),
        ("decimal", 1200000, ["손익!B3", "손익!C6"], {"unit": "KRW"}, "the unit USD is not the wanted KRW"),
        ("decimal", 1200000, ["손익!B3", "손익!A2"], {"unit": "KRW"}, "states no unit"),
        ("integer", 123400, ["page 1!line 1"], {}, "is not what stands"),
        ("integer", 1200, [], {}, "names no place"),
        ("integer", 1200, ["손익!B99"], {}, "is not what stands"),
        ("integer", 1200, ["없는 시트!B3"], {}, "no part"),
        ("integer", "many", ["손익!B3"], {}, "f:"),
        ("date", "2025-11-10", ["손익!A1"], {}, "is not what stands"),
        ("date", "2024-11-04", ["손익!C5", "손익!A1"], {}, "is not what stands"),
        ("text", "상품 매출", ["손익!A3"], {}, "is not what stands"),
        ("text", "23", ["손익!B6"], {}, "is not what stands"),
        ("text", "계획 > 구분", ["손익!A2", "손익!B2"], {}, "is not what stands"),
        ("text", "예산", ["손익!C2"], {"values": ["계획", "실적"]}, "is none of 계획, 실적"),
        ("text", "계획", ["손익!C2"], {"values": ["계획", "실적"]}, "is not what stands"),
        ("text", None, [], {"required": True}, "is required and blank"),
        ("integer", 5, ["scan!image"], {}, "code can't check it"),
    ],
)
def test_what_does_not_stand_there_is_quarantined(
    type: str, value: Any, at: list[str], field: dict[str, Any], said: str
) -> None:
    assert said in verdict(type, value, at, **field)


def test_an_unknown_field_is_quarantined() -> None:
    prompt = Prompt(
        prompt_id="p",
        file_ids=("X",),
        instructions="x",
        output=OutputSchema(table="t", fields=(OutputField(name="f"),)),
    )
    _, quarantined = prove(Answer(rows=({"g": Claimed(value=1, at=("손익!B3",))},)), prompt, DOCUMENT)
    assert quarantined[0].reasons == ("g: no such field in the schema",)
