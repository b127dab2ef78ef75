"""Models of survival made quickly, and the records that requests to them leave."""

from dataclasses import replace

from medgantry.features.table import FeatureTable
from medgantry.monitoring.case_statistics import table_statistics
from medgantry.monitoring.record import Record
from medgantry.survival.cross_validation import Work, outer_folds, run_fold
from medgantry.survival.model import SurvivalModel
from medgantry.survival.settings import Settings
from medgantry.survival.study import Study, choose_columns
from medgantry.survival.train import collect, default_grid, final_models
from tests.medgantry.monitoring.records import RELEASE

_QUICK = Settings(
    folds=3, repeats=1, inner_folds=2, kept=(2,), penalties=(0.1,), rounds=(15,), known_until="surgery"
)


def learn(table: FeatureTable, seed: int = 0) -> SurvivalModel:
    """The pooled model alone, by the procedure of `train` within this process."""
    study = Study.of(table, choose_columns(table, "", "surgery"))
    work = Work(
        blocks=study.blocks,
        outcome=study.outcome,
        candidates={"pooled": list(study.blocks)},
        settings=_QUICK,
        grid=default_grid(study.outcome),
        seed=seed,
    )
    folds = outer_folds(work)
    results = [run_fold(work, folds, 0, fold) for fold in range(_QUICK.folds)]
    side, models = final_models(work)
    return SurvivalModel(
        columns=study.columns,
        preparations={name: each.preparation for name, each in side.prepared.items()},
        models=models,
        predictions=collect(
            study.subjects, work, folds, results, table_hash=table.content_hash, provenance={}
        ),
        coefficients=[],
        importance=[],
        proportional_hazards=[],
        entries=study.entries,
        provenance={},
    )


def records(model: SurvivalModel, table: FeatureTable) -> list[Record]:
    """What a server would log of each subject of a table, asked for alone."""
    found = model.predict(table)
    rows = {row["subject_id"]: row for row in table.rows}
    return [
        Record(
            release=RELEASE,
            status="answered",
            seconds=0.1,
            statistics=table_statistics(model.features, rows[subject]),
            risk=float(risk),
        )
        for subject, risk in zip(found.subjects, found.risk, strict=True)
    ]


def changed(table: FeatureTable, **added: float | str | None) -> FeatureTable:
    """A table whose subjects have more of some numbers, or other values that are no numbers."""
    rows = [
        {
            **row,
            **{
                name: row[name] + value if isinstance(value, float) and row[name] is not None else value
                for name, value in added.items()
            },
        }
        for row in table.rows
    ]
    return replace(table, rows=rows)
