"""Work over many cases: one that fails is a verdict about the case, never an end of the step."""

from collections.abc import Callable, Sequence

from medgantry.errors import StoreUnavailable
from medgantry.ledger import Entry
from medgantry.steps import StepRecord


def for_each_case(
    case_ids: Sequence[str],
    work: Callable[[str], None],
    *,
    step: str,
    wanted: str,
    done: str,
    record: StepRecord,
) -> list[Entry]:
    """Do something about every case, with progress.

    Args:
        case_ids: The cases.
        work: What to do with one; it keeps its own result.
        step: Name of the step.
        wanted: The rule that a case breaks when `work` raises.
        done: The rule that it keeps otherwise.
        record: The step's record.

    Returns:
        A verdict for every case.

    Raises:
        StoreUnavailable: The store, not the case, is at fault: the step is retried.
    """
    entries = []
    for count, case_id in enumerate(case_ids):
        record.advance(count, len(case_ids), "cases")
        try:
            work(case_id)
            entries.append(Entry(item=case_id, step=step, verdict="ok", rule=done))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 whatever is raised is a verdict about the case
            entries.append(
                Entry(
                    item=case_id,
                    step=step,
                    verdict="rejected",
                    rule=wanted,
                    evidence=f"{type(error).__name__}: {error}"[:500],
                    remedy="Compare the case with those that succeeded.",
                )
            )
    record.advance(len(case_ids), len(case_ids), "cases")
    return entries
