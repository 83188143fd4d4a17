"""The notebooks in docs/ run from their first cell to their last, and all that they assert holds."""

import pytest

from tests.helpers.paths import ROOT

nbformat = pytest.importorskip("nbformat", reason="needs pip install 'brian_siamsnn[notebooks]'")
nbclient = pytest.importorskip("nbclient", reason="needs pip install 'brian_siamsnn[notebooks]'")
pytest.importorskip("ipykernel", reason="needs pip install 'brian_siamsnn[notebooks]'")

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["first_spikes", "tracking"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(path):
    for cell in code(nbformat.read(path, as_version=4)):
        assert not cell.outputs and cell.execution_count is None, f"clear the outputs of {path.name}"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    words = "plt.subplots", "\nraster(", "_over_image(", "plot_"
    cells = code(notebook)[1:]  # the first one imports
    drawing = sum(any(word in cell.source for word in words) for cell in cells)
    # in a folder that is empty: nothing may come from the checkout but the package
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()  # raises what a cell raises, failed asserts too
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    # a warning would puzzle readers; Matplotlib's word on its font cache comes once a machine
    assert not [each.text for each in outputs if each.get("name") == "stderr" and "font cache" not in each.text]
    figures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(figures) >= drawing > 5
    assert all(len(figure) > 5000 for figure in figures)
    assert not list(tmp_path.iterdir())
