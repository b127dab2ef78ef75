"""The last step of a run: what happened, from the step records, whatever happened."""

from pathlib import Path
from typing import Any

from medgantry.fingerprint import canonical_json
from medgantry.page import table
from medgantry.steps import read_records, run_id, step
from medgantry.storage import ObjectStore
from medgantry.tracking import TrackedRun


def summarise_run(output: Path, *, state: str) -> None:
    """Write `runs/<run id>/summary.json` and a page for KFP's UI, and close the MLflow run.

    Args:
        output: The page.
        state: KFP's verdict on the run; only SUCCEEDED is a success.
    """
    with step("summarize_run") as record:
        store = ObjectStore.from_environment()
        records = [item for item in read_records(store, run_id()) if item["step"] != record.step]
        failed = [item for item in records if item["state"] != "succeeded"]
        succeeded = state in ("SUCCEEDED", "SUCCESS") and not failed
        summary = {"run_id": run_id(), "state": "succeeded" if succeeded else "failed", "steps": records}
        store.put_bytes(f"runs/{run_id()}/summary.json", canonical_json(summary).encode())
        output.write_text(_page(records))
        tracked = TrackedRun(run_id())
        tracked.end(succeeded)
        record.facts = {"mlflow_run": tracked.run_id, "succeeded": succeeded}


def _page(records: list[dict[str, Any]]) -> str:
    rows = [
        [
            str(item["step"]),
            str(item["state"]),
            f"{item['ended'] - item['started']:.1f} s",
            "reused" if item["reused"] else "",
            str(item["error"].get("message", "")),
        ]
        for item in records
    ]
    return table(["step", "state", "time", "", "error"], rows)
