"""ATEC: its drive every night at 21:00 KST, converted with a model, in one line."""

from llm_convert.airflow.factory import tenant_dag

CONFIG = {
    "customer_code": "cf526000",
    "customer_name": "atec",
    "project_id": "hyperlounge-dev",
    "dag_id": "cf526000-20250926-1",
    "transform_schedule": ["21"],
    "day_of_week": "*",
    "prompt_id": ["stock_list", "production_summary", "order_lines"],
    "sources": {
        "shared_drive": {"id": "se19a4e4", "url": "drive/cf526000/shared_drive", "llm_transform": True},
    },
    "file_mapping": [
        {"file_id": "STOCK_LIST", "glob": "*재고현황*"},
        {"file_id": "PRODUCTION_REPORT", "glob": "*production*"},
        {"file_id": "PURCHASE_ORDER", "glob": "*발주서*"},
    ],
}

dag = tenant_dag(CONFIG)
