"""What notebooks show: figures and short HTML of every object, also of folders that are half there."""

import importlib
import re
import shutil
import subprocess
import sys

import pytest
from matplotlib.figure import Figure

import alcseg
from alcseg.errors import DataError, UsageError
from alcseg.records.cases import CaseRow
from alcseg.views.card import card, table

OBJECTS = {
    "dataset": lambda study: study.noisy,
    "case": lambda study: study.noisy["phantom_003"],
    "unlabeled case": lambda study: alcseg.Case(
        study.noisy, CaseRow(case_id="phantom_003", quality="unlabeled")
    ),
    "run": lambda study: study.run,
    "evaluation": lambda study: study.scores,
    "correction": lambda study: study.correction,
}


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_has_a_figure(study, name):
    figure = OBJECTS[name](study).plot()
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")  # what a notebook asks for, with or without pyplot


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_shows_itself_in_a_notebook(study, name):
    html = OBJECTS[name](study)._repr_html_()
    assert html.count("<img ") == 1
    assert "<table>" in html
    assert len(html) < 300_000


def test_sizes_and_names_stand_in_the_html(study):
    assert "train</td><td>lq</td><td>4<" in study.noisy._repr_html_()
    assert "24 × 22 × 18" in study.noisy["phantom_001"]._repr_html_()
    assert "<td>alc</td><td>finished</td>" in study.run._repr_html_()
    assert "<td>nsd</td><td>fraction</td>" in study.scores._repr_html_()
    assert study.correction.ranking[0].case_id in study.correction._repr_html_()


def test_more_cases_can_be_drawn(study):
    assert len(study.noisy.plot(cases=9).axes) == 12  # two lines of six, three of them empty
    assert len(study.correction.plot(cases=2).axes) == 6


def test_a_metric_is_chosen_by_its_name(study):
    assert "hd95 (mm)" in study.scores.plot("hd95").axes[0].get_xlabel()
    with pytest.raises(UsageError, match="Did you mean 'dice'"):
        study.scores.plot("dize")


LACKING = {
    "dataset": ("noisy", "imagesTr", "_0000"),
    "case": ("noisy", "imagesTr", "_0000"),
    "run": ("run", "metrics.csv", "no metrics|at least one run"),
    "correction": ("correction", "labelsTr", "labelsTr/phantom"),
    "run without settings": ("run", "config.yaml", "config.yaml"),
    "run without a record": ("run", "run.json", "run.json"),
}


@pytest.mark.parametrize("name", LACKING)
def test_what_a_folder_lacks_is_said_in_a_line(study, tmp_path, name):
    folder, lacking, said = LACKING[name]
    shutil.copytree(study.root / folder, tmp_path / folder)
    target = tmp_path / folder / lacking
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    shown = {
        "noisy": lambda: alcseg.Dataset.open(tmp_path / folder, require_images=False),
        "run": lambda: alcseg.Run(tmp_path / folder),
        "correction": lambda: alcseg.Correction.open(tmp_path / folder),
    }[folder]()
    shown = shown["phantom_003"] if name == "case" else shown
    assert re.search(said, shown._repr_html_())


def test_an_empty_folder_is_shown_as_a_run_of_nothing(tmp_path):
    assert "config.yaml" in alcseg.Run(tmp_path)._repr_html_()
    with pytest.raises(DataError):
        alcseg.Run(tmp_path).plot()


def test_names_cannot_become_markup():
    html = card("<script>", lambda: table([{"<b>": "<i>"}]), lambda: 1 / 0)
    assert "<script>" not in html
    assert "&lt;b&gt;" in html
    assert "&lt;i&gt;" in html
    assert "division by zero" in html


def test_a_dollar_in_a_name_is_no_formula(study, tmp_path):
    shutil.copytree(study.root / "noisy", tmp_path / "noisy")
    for path in (tmp_path / "noisy").rglob("phantom_001*"):
        path.rename(path.with_name(path.name.replace("phantom_001", "a$_x$\\b{1}")))
    text = (tmp_path / "noisy/cases.csv").read_text().replace("phantom_001", "a$_x$b{1}")
    (tmp_path / "noisy/cases.csv").write_text(text)
    for path in (tmp_path / "noisy").rglob("a$*"):
        path.rename(path.with_name(path.name.replace("\\", "")))
    html = alcseg.Dataset.open(tmp_path / "noisy")["a$_x$b{1}"]._repr_html_()
    assert "<img " in html
    assert "b{1}" in html


def test_a_long_table_is_cut():
    html = table({"n": number} for number in range(13))
    assert html.count("<tr>") == 11
    assert "and 3 more" in html
    assert table([]) == ""


def test_a_picture_is_made_smaller_until_it_fits():
    import numpy as np

    figure = Figure(figsize=(12, 12))
    figure.add_axes((0, 0, 1, 1)).imshow(np.random.default_rng(0).random((1200, 1200, 3)))
    html = card("noise", picture=lambda: figure)
    assert "<img " in html
    assert len(html) < 300_000


@pytest.mark.parametrize("name", ["dataset", "case", "run", "evaluation", "correction"])
def test_what_draws_is_loaded_when_something_is_shown(name):
    home = importlib.import_module(f"alcseg.views.{name}")
    assert callable(home.figure)
    assert callable(home.html)


def test_no_ipython_is_needed(study):
    program = (
        "import sys, alcseg\n"
        f"html = alcseg.Dataset.open({str(study.root / 'noisy')!r})._repr_html_()\n"
        "assert '<img ' in html\n"
        "print([name for name in ('IPython', 'pandas', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
