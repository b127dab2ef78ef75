"""The job spec: all a worker needs, in the store, so that launchers pass nothing but its key."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from medgantry.bundles import Bundle
from medgantry.cohort import Cohort
from medgantry.errors import InvalidCohort, InvalidInput
from medgantry.fingerprint import canonical_json, code_fingerprint, hash_value
from medgantry.processes import THREADS
from medgantry.sharding import ShardSet
from medgantry.storage import ObjectStore
from medgantry.training.options import TrainOptions


@dataclass(frozen=True, kw_only=True)
class Job:
    """One training."""

    key: str
    """Hash of everything that decides the result."""
    seed: int
    ranks: int
    """That the steps are planned for; fewer processes may run them."""
    threads: int
    options: TrainOptions
    train: Sequence[str]
    """Case ids."""
    validation: Sequence[str]
    """Case ids."""
    regions: Mapping[str, list[int]]
    """Region name -> label codes of the cohort; empty for classification."""
    classes: Mapping[str, int]
    """Case id -> index of its class; empty for segmentation."""
    label_map: Mapping[str, int]
    shards: Sequence[Mapping[str, Any]]
    """Sidecars of the shards that hold these cases."""
    fold: int
    """Of a cross-validation; -1 for none."""
    groups: Sequence[str]
    """Hashes of the groups of these cases: an external cohort may share none with them."""
    provenance: Mapping[str, Any]

    def class_counts(self, outputs: int) -> list[int]:
        """Training cases of each of the network's outputs; empty for segmentation."""
        counts = Counter(self.classes[case_id] for case_id in self.train if self.classes)
        return [counts[index] for index in range(outputs)] if self.classes else []

    @property
    def prefix(self) -> str:
        """The job's folder in the store."""
        return f"training/{self.key}"

    @property
    def result(self) -> str:
        """The trained bundle's folder in the store; it exists only when training succeeded."""
        return f"{self.prefix}/bundle"

    def tracked_as(self, run: str) -> str:
        """The run to track this training in: folds of one pipeline run have curves of their own."""
        return run if self.fold < 0 else f"{run}/fold-{self.fold}"

    def save(self, store: ObjectStore) -> None:
        """Write the job to the store."""
        store.put_bytes(f"{self.prefix}/job.json", canonical_json(asdict(self)).encode())

    @classmethod
    def load(cls, store: ObjectStore, key: str) -> "Job":
        """Read the job that a launcher named."""
        document = json.loads(store.get_bytes(f"training/{key}/job.json"))
        return cls(**{**document, "options": TrainOptions(**document["options"])})


def make_job(
    cohort: Cohort,
    shards: ShardSet,
    bundle: Bundle,
    *,
    seed: int,
    ranks: int,
    options: TrainOptions = TrainOptions(),  # noqa: B008 frozen
) -> Job:
    """Check that everything fits and write down what is to be trained.

    Raises:
        InvalidCohort: If the cohort has no split, or no case is left to train on.
        Mismatch: If the shards are of another cohort or other transforms.
        InvalidInput: If there are more ranks than training cases.
    """
    if not cohort.is_split:
        raise InvalidCohort("Training needs a cohort with a split.", "Run split_cohort first.")
    shards.check_fits(cohort, bundle)
    bundle.check_cohort(cohort)
    there = shards.where()
    train = [case_id for case_id in cohort.side("train") if case_id in there]
    validation = [case_id for case_id in cohort.side("validation") if case_id in there]
    if not train:
        raise InvalidCohort("The split leaves no case to train on.", "Give a group to `train`.")
    if not 1 <= ranks <= len(train):
        raise InvalidInput(f"{ranks} ranks cannot share {len(train)} training cases.", "Use fewer ranks.")
    if strange := sorted(set(options.trace_augmentation) - set(train)):
        raise InvalidInput(
            f"trace_augmentation names {strange[:5]}, which are no training cases.", f"Such as {train[0]}."
        )
    used = {*train, *validation}
    provenance = {
        "cohort_hash": cohort.cohort_hash,
        "split_hash": cohort.split_hash,
        "shards_hash": shards.content_hash,
        "shards_spec": shards.spec,
        "bundle_hash": bundle.bundle_hash,
        "seed": seed,
        "code": code_fingerprint(),
    }
    return Job(
        key=hash_value([provenance, ranks, THREADS, options.document()]),
        seed=seed,
        ranks=ranks,
        threads=THREADS,
        options=options,
        train=train,
        validation=validation,
        regions=bundle.label_codes(cohort),
        classes={name: index for name, index in bundle.class_indices(cohort).items() if name in used},
        label_map=dict(cohort.label_map),
        shards=[shard for shard in shards.shards if used & set(shard["cases"])],
        fold=int(cohort.provenance.get("fold", -1)),
        groups=cohort.group_hashes(("train", "validation")),
        provenance=provenance,
    )
