"""Whether a model may be judged on cases: it must not have seen their groups."""

from collections.abc import Iterable

from medgantry.bundles import Bundle
from medgantry.cohort import Case, Cohort
from medgantry.cohort.cohort import hash_group
from medgantry.errors import Mismatch


def check_independent(cohort: Cohort, bundle: Bundle) -> None:
    """Refuse to judge a model on data it may have seen.

    Raises:
        Mismatch: If the cohort or its split is not the one the model was trained with, and it is not external;
            or if it is external and shares a group with the training.
    """
    provenance = bundle.provenance
    if cohort.external:
        new = {case.case_id for case in unseen(cohort.cases, bundle)}
        shared = sorted({case.group_id for case in cohort.cases if case.case_id not in new})
        if shared:
            raise Mismatch(
                f"The cohort is declared external, but the model was trained on {len(shared)} of its groups, "
                f"such as {shared[:5]}.",
                "Leave these groups out; if they are other patients, give them other group ids at ingest.",
            )
        return
    if not provenance:
        raise Mismatch(
            "This bundle does not say what it was trained on, so no case of this cohort is known to be new to it.",
            "Evaluate it on a cohort declared external.",
        )
    if provenance["split_hash"] != cohort.split_hash:
        raise Mismatch(
            f"The model was trained with split {provenance['split_hash'][:12]}, the cohort's is "
            f"{cohort.split_hash[:12] or 'none'}.",
            "Use the split it was trained with, or declare the cohort external.",
        )


def check_side(cohort: Cohort, bundle: Bundle, split: str) -> None:
    """Refuse to judge an ensemble of folds on what some of its members were trained on.

    Raises:
        Mismatch: If the side is not for test, and the cohort is not external.
    """
    if bundle.provenance.get("folds") and split != "test" and not cohort.external:
        raise Mismatch(
            f"The model is an ensemble of folds: its members were trained on cases of side {split!r}.",
            "Evaluate it on the side test, which no fold has seen.",
        )


def unseen(cases: Iterable[Case], bundle: Bundle) -> list[Case]:
    """Cases of groups that the model was neither trained nor validated on, as far as its provenance says."""
    known = set(bundle.provenance.get("groups", ()))
    return [case for case in cases if hash_group(case.group_id) not in known]
