"""One study: its series fetched, judged and chosen, masks painted, and what becomes of it published."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medgantry.dicom.deidentification.vocabulary import shown_term
from medgantry.dicom.header import Header, read_header
from medgantry.dicom.series import Series
from medgantry.ingest.dicom.burned_in import may_have_text
from medgantry.ingest.dicom.candidate import Candidate
from medgantry.ingest.dicom.case import CaseMaker
from medgantry.ingest.dicom.config import DicomConfig
from medgantry.ingest.dicom.labels import MaskObject, read_masks, refers_to
from medgantry.ingest.dicom.names import Names
from medgantry.ingest.dicom.selection import MASKS, broken_rule, facts_of, matches
from medgantry.ingest.dicom.sources.source import DicomSource, SourceSeries, SourceStudy
from medgantry.ledger import Entry, Unusable, Verdict
from medgantry.storage import ObjectStore

STEP = "ingest_dicom"


@dataclass(kw_only=True)
class StudyResult:
    """What one study gave. It names nobody."""

    cases: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    entries: list[dict[str, str]] = field(default_factory=list)
    series: list[dict[str, Any]] = field(default_factory=list)
    """Facts and pictures for the QC report."""
    actions: dict[str, int] = field(default_factory=dict)
    """What de-identification did."""

    def note(self, item: str, verdict: Verdict, rule: str, evidence: str = "", remedy: str = "") -> None:
        """Add an entry to the ledger."""
        entry = Entry(item=item, step=STEP, verdict=verdict, rule=rule, evidence=evidence, remedy=remedy)
        self.entries.append(asdict(entry))

    def refuse(self, item: str, broken: Unusable) -> None:
        """Add what an item broke."""
        self.note(item, "rejected", broken.rule, broken.evidence, broken.remedy)


class StudyIngest:
    """What all studies of a task share.

    Args:
        source: Where series are fetched from.
        config: What is wanted.
        names: What things are called.
        store: Where volumes go.
    """

    def __init__(self, source: DicomSource, config: DicomConfig, names: Names, store: ObjectStore) -> None:
        self._source, self._config, self._names = source, config, names
        self._cases = CaseMaker(config, names, store)

    def __call__(self, study: SourceStudy, scratch: Path) -> StudyResult:
        """Ingest one study; one series at a time is in memory."""
        result = StudyResult()
        wanted = [series for series in study.series if series.modality in self._config.select.modality]
        masks = list(self._masks(study, scratch, result))
        for series in study.series:
            if series not in wanted and not (self._config.labels and series.modality in MASKS):
                rule = f"select: modality is {' or '.join(self._config.select.modality)}"
                result.note(self._item(series), "excluded", rule, shown_term("Modality", series.modality))
        candidates = []
        for series in wanted:
            folder = scratch / self._item(series)
            try:
                headers = self._fetch(study, series, folder)
                candidates += list(self._choose(series, headers, masks, result))
            except Unusable as broken:
                result.refuse(self._item(series), broken)
        self._make(candidates, scratch, result)
        self._account(masks, candidates, result)
        return result

    def _account(
        self, masks: Sequence[MaskObject], candidates: Sequence[Candidate], result: StudyResult
    ) -> None:
        """What became of each mask object that could be read."""
        offered = {id(found) for candidate in candidates for found in candidate.masks}
        used = {id(found) for found in self._cases.used}
        for found in masks:
            if id(found) in used:
                result.note(found.item, "ok", "a mask object is painted onto the series it was drawn on")
            elif id(found) in offered:
                result.note(
                    found.item, "excluded", "a mask object has a wanted label, and its series became a case"
                )
            else:
                result.note(found.item, "excluded", "a mask object refers to a series that `select` chose")

    def _item(self, series: SourceSeries) -> str:
        return f"series {self._names.shown(series.series_uid)}"

    def _fetch(self, study: SourceStudy, series: SourceSeries, folder: Path) -> list[Header]:
        folder.mkdir(parents=True, exist_ok=True)
        headers = [read_header(path) for path in self._source.fetch(study, series, folder)]
        strays = [header for header in headers if header.text("SeriesInstanceUID") != series.series_uid]
        if strays or len(headers) < series.instances or not headers:
            raise Unusable(
                "the source delivers every instance of a series",
                f"{series.instances} listed, {len(headers)} came, {len(strays)} of other series",
                "Repeat the ingest; if it stays so, the source has lost them.",
            )
        return headers

    def _masks(self, study: SourceStudy, scratch: Path, result: StudyResult) -> Iterator[MaskObject]:
        """The study's mask objects that can be read."""
        if not self._config.labels and not self._config.select.has:
            return
        for series in study.series:
            if series.modality not in MASKS:
                continue
            item = self._item(series)
            try:
                for header in self._fetch(study, series, scratch / item):
                    if matches(self._config.select.masks, header.text("SeriesDescription")):
                        yield read_masks(header.path, series.modality, item)
                    else:
                        result.note(
                            item, "excluded", "select: masks matches the SeriesDescription", "it does not"
                        )
            except Unusable as broken:
                result.refuse(item, broken)

    def _choose(
        self, series: SourceSeries, headers: list[Header], masks: Sequence[MaskObject], result: StudyResult
    ) -> Iterator[Candidate]:
        """The stacks of a series that the rule chooses; the others go to the ledger."""
        instances = frozenset(header.text("SOPInstanceUID") for header in headers)
        mine = [found for found in masks if refers_to(found, series.series_uid, instances)]
        stacks = Series(headers=headers).stacks()
        by_path = {header.path: header for header in headers}
        for number, stack in enumerate(stacks, start=1):
            item = self._cases.case_id(headers[0], series.series_uid, number)
            header = by_path[stack[0].path]
            try:
                facts = facts_of(header, stack)
                rule, found = broken_rule(facts, self._config.select)
                warning = self._check_text(header)
            except Unusable as broken:
                result.refuse(item, broken)
                continue
            has = self._config.select.has
            if not rule and has and not any(has in ("mask", mask.modality) for mask in mine):
                rule, found = f"select: has {has}", "no such object refers to it"
            if rule:
                result.note(item, "excluded", rule, found)
                continue
            yield Candidate(
                item=item,
                headers=[by_path[path] for path in dict.fromkeys(frame.path for frame in stack)],
                stack=stack,
                facts=facts,
                masks=mine,
                warning=warning,
            )

    def _check_text(self, header: Header) -> str:
        """What a reader of the ledger should know about text in the pixels."""
        why = may_have_text(header)
        profile = self._config.profile
        if why and profile is not None and "clean-pixel-data" in profile.options:
            raise Unusable(
                "no text is burned into the pixels", why, "Leave the series out, or drop clean-pixel-data."
            )
        return f"its pixels may show text: {why}" if why else ""

    def _make(self, candidates: list[Candidate], scratch: Path, result: StudyResult) -> None:
        """Make cases; where one of a study is wanted, the best that can be read."""
        taken = ""
        actions: Counter[str] = Counter()
        for candidate in sorted(candidates, key=lambda found: found.rank):
            if taken and self._config.select.one_per == "study":
                result.note(
                    candidate.item, "excluded", "select: one_per study", f"{taken} is finer or longer"
                )
                continue
            try:
                made = self._cases.make(candidate, scratch)
            except Unusable as broken:
                result.refuse(candidate.item, broken)
                continue
            taken = candidate.item
            result.cases.append(made.case)
            result.files += made.files
            result.series.append(made.facts)
            result.note(candidate.item, "repaired" if made.repairs else "ok", made.rule, made.evidence)
            actions += made.actions
        result.actions = dict(sorted(actions.items()))
