"""Tables of genes by patients: what is in them is in the features, or in the ledger."""

import gzip
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medgantry.dicom.deidentification.pseudonyms import VARIABLE, Pseudonyms
from medgantry.errors import InvalidInput, Mismatch, TooManyRejected
from medgantry.features.column import Column
from medgantry.features.expression.config import ExpressionConfig
from medgantry.features.expression.features import make_features
from medgantry.features.expression.gene_list import open_genes
from medgantry.features.expression.gene_table import one_row_per_gene
from medgantry.features.expression.step import ingest_expression
from medgantry.features.expression.table_reader import read_gene_table
from medgantry.features.subjects import subjects_for
from medgantry.features.table import ALWAYS, FeatureTable
from medgantry.storage import ObjectStore

REAL = os.environ.get("MEDGANTRY_REAL_DATA", "")
SETTINGS = {
    "genes": "",
    "unit": "FPKM",
    "transform": "log2",
    "missing": "unmeasured",
    "deidentify": "none",
    "max_rejected": 0.5,
}


def ingested(text: str, *, missing: float = math.nan, **settings: object) -> FeatureTable:
    config = ExpressionConfig(**{"max_rejected": 0.5, **settings})  # type: ignore[arg-type]
    table = read_gene_table(text.encode(), subjects_for("none"), missing=missing)
    return make_features(one_row_per_gene(table, addable=config.is_linear), config, None, {})


def values(table: FeatureTable, gene: str) -> list[float | None]:
    name = next(column.name for column in table.columns if column.source == gene)
    return [row[name] for row in table.rows]


def said(table: FeatureTable, item: str) -> list[tuple[str, str]]:
    return [(entry.verdict, entry.evidence) for entry in table.entries if entry.item == item]


def test_geos_layout_becomes_rows_of_patients() -> None:
    table = ingested("\tR01-001\t R01-002 \nHLA-A\t3\tNA\nTP53\t0\t7.5\n")
    assert table.subjects == ["R01-001", "R01-002"]
    assert values(table, "HLA-A") == [2.0, None]
    assert values(table, "TP53") == [0.0, math.log2(8.5)]
    assert next((c.name, c.unit, c.modality, c.role) for c in table.columns) == (
        "HLA_A",
        "log2(FPKM+1)",
        "expression",
        "baseline",
    )
    assert {row["event_timestamp"] for row in table.rows} == {ALWAYS}
    assert "always" in table.provenance["known_from"]
    assert said(table, "R01-002") == [("ok", "2 rows, 1 missing (NA: 1)")]


@pytest.mark.parametrize("header", ["\tA\tB", "gene\tA\tB", "A\tB", '"x"\t"A"\t"B"'])
def test_the_headers_first_cell_may_be_anything_or_lack(header: str) -> None:
    assert ingested(f"{header}\nTP53\t1\t3\n").subjects == ["A", "B"]


def test_csv_and_a_byte_order_mark_are_read() -> None:
    assert values(ingested('\ufeff"",A,B\r\n"TP53",1,3\r\n'), "TP53") == [1.0, 2.0]


def test_what_a_missing_value_means_is_declared() -> None:
    text = "\tA\tB\nTP53\tNA\t1\nVIM\t#VALUE!\t1\n"
    table = ingested(text, missing=0.0)
    assert values(table, "TP53") == [0.0, 1.0]
    assert values(table, "VIM") == [None, 1.0]  # odd is never absent


def test_every_odd_cell_is_told() -> None:
    table = ingested("\tA\tB\nTP53\t1,5\t2\nVIM\tinf\t1_0\nCD4\t4\t1e2\n")
    assert said(table, "A") == [
        ("repaired", "3 rows, 0 missing; 2 odd, read as missing: TP53 '1,5', VIM 'inf'")
    ]
    assert said(table, "B") == [("repaired", "3 rows, 0 missing; 1 odd, read as missing: VIM '1_0'")]
    assert values(table, "TP53") == [None, math.log2(3)]


def test_rows_that_name_no_gene_are_told() -> None:
    table = ingested("\tA\n__no_feature\t9\n\t1\n1-Mar\t2\nTP53\t1\nVIM\t1\t2\n")
    assert [column.source for column in table.columns] == ["TP53"]
    found = {entry.item: entry.verdict for entry in table.entries}
    assert found == {
        "A": "ok",
        "gene __no_feature": "excluded",
        "row 3": "rejected",
        "gene 1-Mar": "rejected",
        "gene VIM": "rejected",
    }


def test_rows_of_one_gene_are_added_up_or_one_of_equals_is_kept() -> None:
    table = ingested("\tA\tB\nTP53\t1\tNA\nTP53\t2\t1\nVIM\t3\tNA\nVIM\t3\tNA\nCD4\t1\t1\n")
    assert values(table, "TP53") == [2.0, None]
    assert values(table, "VIM") == [2.0, None]
    assert said(table, "gene TP53") == [("repaired", "2 rows were added up")]
    assert said(table, "gene VIM") == [("repaired", "2 rows are the same, one was kept")]


def test_scaled_rows_of_one_gene_cannot_be_added_up() -> None:
    table = ingested("\tA\tB\nTP53\t1\t-1\nTP53\t2\t-2\nVIM\t-3\t3\n", unit="z-score", transform="none")
    assert [column.source for column in table.columns] == ["VIM"]
    assert said(table, "gene TP53")[0][0] == "rejected"


def test_columns_that_are_nobodys_or_of_two_are_rejected() -> None:
    table = ingested("\tA\t\tB\tC\tB\tD\nTP53\t1\t2\t3\t4\t5\tNA\n", max_rejected=0.7)
    assert table.subjects == ["A", "C"]
    assert {e.item for e in table.entries if e.verdict == "rejected"} == {"column 3", "B", "D"}


def test_the_budget_counts_patients() -> None:
    with pytest.raises(TooManyRejected, match="B"):
        ingested("\tA\tB\tB\nTP53\t1\t2\t3\n_x\t1\t2\t3\n", max_rejected=0.2)


def test_a_patient_in_another_unit_is_rejected() -> None:
    text = "\tA\tB\nTP53\t600000\t5\nVIM\t400000\t7\n"
    assert ingested(text).subjects == ["B"]
    assert ingested(text, unit="TPM").subjects == ["A", "B"]
    assert ingested(text.replace("600000", "700000"), unit="TPM").subjects == ["B"]


def test_negative_amounts_are_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match="VIM"):
        ingested("\tA\nTP53\t1\nVIM\t-0.5\n")


@pytest.mark.parametrize(
    "settings",
    [
        {"unit": "z-score"},
        {"transform": "log"},
        {"unit": "z-score", "transform": "none", "missing": "not expressed"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        ExpressionConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "\tA\n", "gene\nTP53\n", "\tA\nTP53\n_y\t3\n"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        ingested(text)


def test_unknown_genes_are_told_and_none_left_is_an_error() -> None:
    text = "\tA\nTP53\t1\nVIM\t1\n"
    table = ingested(text, genes=open_genes("VIM, NOSUCH"))
    assert [column.source for column in table.columns] == ["VIM"]
    assert said(table, "gene NOSUCH") == [("rejected", "it is not")]
    with pytest.raises(InvalidInput, match="None of the 1 wanted"):
        ingested(text, genes=open_genes("NOSUCH"))


def test_our_list_comes_with_its_warning(tmp_path: Path) -> None:
    genes = open_genes("medgantry:nsclc_21")
    assert len(genes.symbols) == 21
    assert "optimistic" in genes.warning
    with pytest.raises(InvalidInput, match="nsclc_21"):
        open_genes("medgantry:other")
    (tmp_path / "list.txt").write_text("TP53\n\n VIM \nTP53\n")
    assert open_genes(str(tmp_path / "list.txt")).symbols == ("TP53", "VIM")


def test_symbols_that_share_a_name_get_numbers() -> None:
    table = ingested("\tA\nHLA.A\t1\nHLA-A\t3\n7SK\t1\n")
    assert {column.source: column.name for column in table.columns} == {
        "HLA-A": "HLA_A",
        "HLA.A": "HLA_A_2",
        "7SK": "c_7SK",
    }


GENES = st.lists(st.text("ABCDEFGH123-", min_size=1, max_size=4), min_size=1, max_size=6, unique=True)
CELLS = st.one_of(
    st.floats(0, 1e5).map(str), st.sampled_from(["NA", "", "nan", "x", "-inf", "1e999", " 3 ", "0x1"])
)


@given(GENES, st.integers(1, 4), st.data())
def test_every_cell_is_a_value_or_told(genes: list[str], patients: int, data: st.DataObject) -> None:
    cells = [[data.draw(CELLS) for _ in range(patients)] for _ in genes]
    lines = ["\t".join(["", *(f"P{n}" for n in range(patients))])]
    lines += ["\t".join([gene, *row]) for gene, row in zip(genes, cells, strict=True)]
    table = read_gene_table("\n".join(lines).encode(), subjects_for("none"), missing=math.nan)
    for index, subject in enumerate(table.subjects):
        evidence = table.verdicts[subject].evidence
        unknown = int(pd.isna(table.values[:, index]).sum())
        missing = int(evidence.split(" rows, ")[1].split()[0])
        odd = int(evidence.split("; ")[1].split()[0]) if "odd" in evidence else 0
        assert missing + odd == unknown
        assert len(table.genes) == len(genes)


def outcomes(folder: Path, times: dict[str, datetime], origin: str) -> Path:
    FeatureTable(
        columns=[Column(name="time", role="time", kind="number")],
        rows=[{"subject_id": who, "event_timestamp": when, "time": 5.0} for who, when in times.items()],
        entries=[],
        provenance={"origin": origin},
    ).save(folder)
    return folder


def test_a_value_is_known_from_surgery_on(store: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "table.txt.gz"
    source.write_bytes(gzip.compress(b"\tA\tB\nTP53\t1\t3\n"))
    day = datetime(2020, 3, 1, tzinfo=UTC)
    known = outcomes(tmp_path / "outcomes", {"A": day}, "surgery")
    ingest_expression(tmp_path / "out", known, source=str(source), **SETTINGS)  # type: ignore[arg-type]
    table = FeatureTable.open(tmp_path / "out")
    assert [(row["subject_id"], row["event_timestamp"]) for row in table.rows] == [("A", day)]
    assert {column.milestone for column in table.columns} == {"surgery"}
    assert said(table, "B") == [("excluded", "")]
    early = outcomes(tmp_path / "early", {"A": day}, "imaging")
    with pytest.raises(Mismatch, match="imaging"):
        ingest_expression(tmp_path / "out", early, source=str(source), **SETTINGS)  # type: ignore[arg-type]


def test_patients_have_the_pseudonyms_of_their_images(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "0123456789abcdef0123")
    source = tmp_path / "table.csv"
    source.write_text(",DOE^JANE,Roe\nTP53,1,Roe\n")
    settings = {**SETTINGS, "deidentify": "pseudonyms"}
    ingest_expression(tmp_path / "out", None, source=str(source), **settings)  # type: ignore[arg-type]
    table = FeatureTable.open(tmp_path / "out")
    assert Pseudonyms.from_environment().patient("DOE^JANE") in table.subjects
    for path in (tmp_path / "out").iterdir():
        assert b"DOE" not in path.read_bytes()
        assert b"Roe" not in path.read_bytes()


def test_a_damaged_gzip_is_refused() -> None:
    packed = gzip.compress(b"\tA\n" + b"".join(b"G%d\t%d\n" % (n, n) for n in range(500)))
    for bad in (packed[:-4], packed[: len(packed) // 2], packed[:-8] + b"\0\0\0\0" + packed[-4:]):
        with pytest.raises(InvalidInput, match="damaged"):
            read_gene_table(bad, subjects_for("none"), missing=math.nan)


@pytest.mark.skipif(not REAL, reason="MEDGANTRY_REAL_DATA is not set")
def test_every_value_and_nan_of_the_real_table_is_accounted_for(store: ObjectStore, tmp_path: Path) -> None:
    source = Path(REAL) / "E_nsclc_radiogenomics" / "expression_zscore_300genes.csv"
    settings = {**SETTINGS, "unit": "z-score", "transform": "none"}
    ingest_expression(tmp_path / "out", None, source=str(source), **settings)  # type: ignore[arg-type]
    table = FeatureTable.open(tmp_path / "out")
    truth = pd.read_csv(source, index_col=0, float_precision="round_trip")
    assert (len(table.columns), len(table.rows)) == truth.shape == (300, 34)
    names = {column.source: column.name for column in table.columns}
    missing = 0
    for row in table.rows:
        for gene, value in truth[row["subject_id"]].items():
            mine = row[names[str(gene)]]
            assert (mine is None and math.isnan(value)) or mine == value
            missing += mine is None
    assert missing == int(truth.isna().sum().sum())
    told = [entry for entry in table.entries if entry.item in table.subjects]
    assert sum(int(entry.evidence.split(" rows, ")[1].split()[0]) for entry in told) == missing
    assert {entry.verdict for entry in table.entries} == {"ok"}
