"""The notebooks in docs/ run to the end, and their assertions hold."""

import pytest

from tests.helpers.paths import ROOT

nbformat = pytest.importorskip("nbformat", reason="needs pip install 'brian_siamsnn[notebooks]'")
nbclient = pytest.importorskip("nbclient", reason="needs pip install 'brian_siamsnn[notebooks]'")
pytest.importorskip("ipykernel", reason="needs pip install 'brian_siamsnn[notebooks]'")

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_notebooks_are_found():
    assert [path.stem for path in NOTEBOOKS] == ["first_spikes", "tracking", "your_own_network"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    for cell in code(nbformat.read(path, as_version=4)):
        assert not cell.outputs and cell.execution_count is None, f"clear the outputs of {path.name}"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    words = "plt.subplots", "\nraster(", "_over_image(", "plot_"
    cells = code(notebook)[1:]  # imported by the first notebook
    drawing = sum(any(word in cell.source for word in words) for cell in cells)
    # in an empty folder: only the package may come from the checkout
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()  # raises the exceptions of cells, including failed asserts
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    # a warning would puzzle readers; Matplotlib reports its font cache once per machine
    assert not [each.text for each in outputs if each.get("name") == "stderr" and "font cache" not in each.text]
    figures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(figures) >= drawing > 5
    assert all(len(figure) > 5000 for figure in figures)
    assert not list(tmp_path.iterdir())
