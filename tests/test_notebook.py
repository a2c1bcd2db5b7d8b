"""The notebook of the documentation runs, and holds no outputs: the site has them made anew."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

PATH = Path(__file__).parents[1] / "docs/notebooks/first-hour.ipynb"


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(PATH, as_version=4)


def test_it_is_stored_without_outputs(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert not [cell for cell in code if cell.outputs or cell.execution_count]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own libraries
def test_it_runs_and_shows_pictures_and_bars(notebook, tmp_path):
    training = next(cell for cell in notebook.cells if "trainer.steps=60" in cell.source)
    training.source = training.source.replace("trainer.steps=60", "trainer.steps=6")
    resources = {"metadata": {"path": str(tmp_path)}}
    done = NotebookClient(notebook, timeout=240, kernel_name="python3", resources=resources).execute()
    outputs = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    told = [output.text for output in outputs if output.output_type == "stream"]
    assert all("no label is changed" in text or "cannot judge" in text for text in told)  # 6 steps are few
    outputs = [output for output in outputs if output.output_type != "stream"]
    texts = [output.data.get("text/html", "") for output in outputs]
    assert sum("<img " in text for text in texts) == 5  # dataset, case, run, correction, evaluation
    assert [text for text in texts if 'value="6" max="6"' in text]  # steps of the training
    assert [output for output in outputs if "image/png" in output.data]  # of .plot()
