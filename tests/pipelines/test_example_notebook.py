"""The example notebook, executed against the laptop stack."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]


def test_the_example_notebook_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(ROOT / "docs/example.ipynb", as_version=4)
    assert not [cell for cell in notebook.cells if cell.get("outputs")], "clear the outputs before a commit"
    try:
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    finally:  # a cell that fails leaves the stack up
        subprocess.run([sys.executable, "-m", "pipelines", "down"], cwd=tmp_path, check=False)
    said = "\n".join(
        str(output.get("text") or output.get("data", {}).get("text/plain", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    assert "'equal': True" in said
    assert "BRATS_" in said  # the damaged case, with its reason
    assert said.rstrip().endswith("stopped")
    assert [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
