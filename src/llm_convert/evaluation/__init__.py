"""How good a prompt is: golden cases, what a conversion of them scored, and what got worse.

Pure but for reading and writing the files of cases. It converts nothing: ``cli`` does, and brings the rows.
"""

from __future__ import annotations

from llm_convert.evaluation.cases import Case, cases_of, expected_rows, write_expected
from llm_convert.evaluation.comparing import Change, Comparison, compare
from llm_convert.evaluation.expected import ExpectedRow
from llm_convert.evaluation.markdown import as_markdown
from llm_convert.evaluation.report import Answered, CaseScore, EvalReport
from llm_convert.evaluation.scoring import Difference, Score, score_rows

__all__ = [
    "Answered",
    "Case",
    "CaseScore",
    "Change",
    "Comparison",
    "Difference",
    "EvalReport",
    "ExpectedRow",
    "Score",
    "as_markdown",
    "cases_of",
    "compare",
    "expected_rows",
    "score_rows",
    "write_expected",
]
