"""The step `train_survival`."""

from pathlib import Path
from typing import Any

from medgantry import ledger
from medgantry.errors import InvalidInput
from medgantry.features.table import FeatureTable
from medgantry.fingerprint import code_fingerprint, hash_value
from medgantry.steps import StepRecord, reuse_or_build, run_id, step
from medgantry.storage import ObjectStore
from medgantry.survival.model import SurvivalModel
from medgantry.survival.settings import Settings
from medgantry.survival.study import STEP, Study, choose_columns
from medgantry.survival.train import train
from medgantry.tracking import TrackedRun


def train_survival_step(
    features_folder: Path, output: Path, *, columns: str, settings: str, seed: int
) -> None:
    """Learn from a feature table, or take what was learnt from the same before."""
    with step(STEP) as record:
        table, chosen = FeatureTable.open(features_folder), Settings.read(settings)
        if seed < 0:
            raise InvalidInput(f"The seed must be 0 or more, found {seed}.")
        features = choose_columns(table, columns, chosen.known_until)
        names = [column.name for each in features.values() for column in each]
        entries = [[e.item, e.step, e.verdict, e.rule, e.evidence] for e in table.entries]
        key = hash_value([table.content_hash, entries, names, repr(chosen), seed, code_fingerprint()])

        def build(folder: Path) -> None:
            study = Study.of(table, features)
            train(
                study,
                chosen,
                seed=seed,
                table_hash=table.content_hash,
                advance=lambda done, total: record.advance(done, total, "folds"),
            ).save(folder)

        prefix = f"survival/{key}"
        store = ObjectStore.from_environment()
        reuse_or_build(record, store, prefix, output, build)
        model = SurvivalModel.open(output)
        _tell(record, model, store.uri(prefix))
        _track(model, output, prefix)


def _tell(record: StepRecord, model: SurvivalModel, uri: str) -> None:
    record.verdicts = ledger.counts(model.entries)
    told: dict[str, Any] = {
        name: model.provenance[name]
        for name in ("origin", "estimator", "subjects", "events", "tuning", "features_kept", "without_modality",
                     "concordance", "warnings")
    }  # fmt: skip
    record.facts = {**told, "uri": uri, "importance": list(model.importance[:5])}


def _track(model: SurvivalModel, output: Path, prefix: str) -> None:
    tracked = TrackedRun(run_id())
    tracked.params({**model.provenance["settings"], "seed": model.provenance["seed"]})
    facts = {name: model.provenance[name] for name in ("subjects", "events")}
    tracked.dataset("features-training", model.predictions.table_hash, prefix, facts)
    names = ("coefficients", "importance", "proportional_hazards")
    tracked.artifacts([output / f"{name}.json" for name in names], "survival")
