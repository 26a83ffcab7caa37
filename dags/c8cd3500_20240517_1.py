"""L&K Wellness (trinityspa), daily 23:00 KST: a model converts its drive, the email branch lands the results."""

from llm_convert.airflow.factory import tenant_dag

CONFIG = {
    "customer_code": "c8cd3500",
    "customer_name": "trinityspa",
    "project_id": "hyperlounge-dev",
    "dag_id": "c8cd3500-20240517-1",
    "transform_schedule": ["23"],
    "day_of_week": "*",
    "prompt_id": ["weekly_summary", "reservation_list", "settlement_lines"],
    "sources": {
        "shared_drive": {"id": "sbb4e91e", "url": "drive/c8cd3500/shared_drive", "llm_transform": True},
        "email": {"id": "sem4e91e", "results_of": "shared_drive"},
    },
    # The sample drive holds four broken files among seven: let the good ones flow on, and let `check` be red.
    "max_failed_fraction": 0.75,
    # Tidy documents name their table and need no model; the others are converted by the prompts of their FILE_ID.
    "file_mapping": [
        {"file_id": "BRANCH_SALES", "glob": "*지점매출*.csv", "table": "branch_sales"},
        {"file_id": "WEEKLY_PROFIT_AND_LOSS", "glob": "*주간손익*"},
        {"file_id": "RESERVATION_REPORT", "glob": "*예약현황*"},
        {"file_id": "SETTLEMENT", "glob": "*정산서*"},
    ],
    "tables": [
        {
            "table": "branch_sales",
            "columns": [
                {"name": "sale_date", "type": "date", "aliases": ["일자", "날짜", "매출일"], "required": True},
                {"name": "branch", "type": "text", "aliases": ["지점", "지점명"], "required": True},
                {"name": "sales", "type": "decimal", "aliases": ["매출액", "매출"], "unit": "KRW"},
                {"name": "visitors", "type": "integer", "aliases": ["객수", "방문객수"]},
                {"name": "sales_per_visitor", "type": "decimal", "aliases": ["객단가"], "unit": "KRW"},
            ],
            "key": ["sale_date", "branch"],
        },
    ],
    "filters": {
        "branch_sales": [{"field": "visitors", "op": ">", "value": 0, "reason": "the branch was closed that day"}],
        "reservations": [
            {"field": "status", "op": "not in", "value": ["취소"], "reason": "the reservation was cancelled"}
        ],
    },
}

dag = tenant_dag(CONFIG)
