"""Settings from presets, files and assignments."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from alcseg.config import preset_names, resolve
from alcseg.errors import ConfigError
from alcseg.networks import NETWORKS, network_settings
from alcseg.records.settings import RunSettings
from alcseg.training_methods import METHODS

PRESETS = Path(__file__).parents[1] / "src" / "alcseg" / "presets"


def resolved(method: str = "alc", **options: Any) -> RunSettings:
    return resolve(method, **options)


def test_later_layers_win(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("trainer: {steps: 7, learning_rate: 0.5}\nmethod: {alpha: 2}\nseed: 9\n")
    shipped = yaml.safe_load((PRESETS / "hippocampus.yaml").read_text())
    assert shipped["network"]["filters"] == 8
    preset = resolved(preset="hippocampus")
    assert preset.trainer.steps == shipped["trainer"]["steps"] != 7
    assert (preset.network.settings["filters"], preset.seed) == (8, 0)
    assert preset.method.settings["alpha"] == METHODS["alc"][0]().settings.alpha
    both = resolved(preset="hippocampus", file=file)
    assert (both.trainer.steps, both.trainer.learning_rate, both.network.settings["filters"], both.seed) == (
        7,
        0.5,
        8,
        9,
    )
    assert both.method.settings["alpha"] == 2
    all_three = resolved(
        preset="hippocampus",
        file=file,
        assignments=["trainer.steps=3", "method.alpha=4", "trainer.steps=5", "data.patch=[32,32,16]"],
    )
    assert (all_three.trainer.steps, all_three.trainer.learning_rate) == (5, 0.5)
    assert all_three.method.settings["alpha"] == 4
    assert all_three.data.patch == (32, 32, 16)


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("method", METHODS)
def test_presets_fit_every_method_and_leave_it_alone(preset: str, method: str) -> None:
    assert "method" not in yaml.safe_load((PRESETS / f"{preset}.yaml").read_text())
    settings = resolved(method, preset=preset)
    assert settings.method == resolved(method).method
    assert settings.preset == preset


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    settings = resolved(preset="la-half", assignments=["method.weighting=exponential"], seed=3)
    file = settings.write(tmp_path)
    assert yaml.safe_load(file.read_text())["format"] == 1
    assert RunSettings.read(tmp_path) == settings
    assert resolved(file=file, seed=0) == settings.model_copy(update={"preset": None})


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("method.alpa=3", r"unknown key 'method\.alpa' for method 'alc'; did you mean 'method\.alpha'\?"),
        ("trainer.step=3", r"did you mean 'trainer\.steps'"),
        ("data.xyz=3", r"known keys: patch, spacing"),
        ("trainr.steps=3", r"SECTION\.KEY=VALUE .* Did you mean 'trainer\.steps'"),
        ("steps=3", r"SECTION\.KEY=VALUE"),
        ("trainer.steps", r"SECTION\.KEY=VALUE"),
        ("trainer.steps=", r"trainer\.steps=: expected a value after '=', found none"),
        ("data.patch= ", r"expected a value after '='"),
        (
            "trainer.steps=many",
            r"trainer\.steps: expected a whole number, 1 to 1000000000, or null, got 'many'",
        ),
        ("trainer.precision=16", r"trainer\.precision: expected one of auto, 32, bf16, got 16"),
        ("method.weighting=inverted", r"method\.weighting: expected one of .*, got 'inverted'"),
        ("data.patch=[16,16]", r"data\.patch: expected 3 values in brackets, each a whole number"),
        ("data.patch=[16", r"not valid YAML"),
        (
            "data.patch=[16,16,0]",
            r"data\.patch: expected 3 values in brackets, each .* 1 to 2048, or null, got \[16, 16, 0\]",
        ),
        ("data.hq_batch=0", r"data\.hq_batch: expected a whole number, 1 to 4096, or null, got 0"),
        ("trainer.steps=0", r"trainer\.steps: expected a whole number, 1 to 1000000000, or null, got 0"),
        (
            "data.rotate_plane=[0,0]",
            r"data\.rotate_plane: expected different axes, each of 0, 1 and 2, got \[0, 0\]",
        ),
        ("data.rotate_plane=[1,1]", r"data\.rotate_plane: expected different axes"),
        (
            "data.flip_axes=[0,0]",
            r"data\.flip_axes: expected different axes, each of 0, 1 and 2, got \[0, 0\]",
        ),
        (
            "data.flip_axes=[3]",
            r"data\.flip_axes: expected values in brackets, each a whole number, 0 to 2, got",
        ),
        ("data.clip=[5,5]", r"data\.clip: expected a lowest and a higher intensity, got \[5, 5\]"),
        ("data.hq_batch=100000", r"data\.hq_batch: expected a whole number, 1 to 4096"),
        ("method.noise_std=-0.1", r"method\.noise_std: expected a number, at least 0, got -0\.1"),
        ("trainer.learning_rate=.inf", r"trainer\.learning_rate: expected a number, at least 0, got inf"),
        (
            "trainer.steps=1_0",
            r"trainer\.steps: expected a whole number, 1 to 1000000000, or null, got '1_0'",
        ),
        ("trainer.steps=1:30", r"trainer\.steps: expected a whole number, .* got '1:30'"),
        ("trainer.steps=0x10", r"trainer\.steps: expected a whole number, .* got '0x10'"),
        ("network.dropout=1.5", r"network\.dropout: expected a number, at least 0 and below 1, got 1\.5"),
    ],
)
def test_a_wrong_assignment_is_one_line(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        resolved(assignments=[assignment])
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_leading_zeros_are_decimal() -> None:
    found = resolved(assignments=["trainer.steps=010", "data.patch=[032,32,032]", "trainer.momentum=00.9"])
    assert found.trainer.steps == 10
    assert found.data.patch == (32, 32, 32)
    assert found.trainer.momentum == 0.9


def test_a_patch_that_cannot_be_turned_is_refused_with_the_settings() -> None:
    with pytest.raises(
        ConfigError, match=r"data\.rotate_plane: expected a patch that is square in axes \[0, 2\]"
    ):
        resolved(assignments=["data.patch=[16,16,32]", "data.rotate_plane=[0,2]"])


@pytest.mark.parametrize("seed", [-1, True])
def test_a_seed_is_a_whole_number_from_0_on(seed: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="seed: expected a whole number from 0 to"):
        resolved(seed=seed)
    file = tmp_path / "mine.yaml"
    file.write_text(f"seed: {str(seed).lower()}\n")
    with pytest.raises(ConfigError, match="seed: expected a whole number from 0 to"):
        resolved(file=file)


def test_each_network_has_its_own_defaults_and_settings() -> None:
    assert resolved().network.settings == {"filters": 16, "dropout": 0.5}
    assert resolved(assignments=["network.name=unet"]).network.settings == {"filters": 16, "dropout": 0.2}
    swin = resolved(assignments=["network.recompute=true", "network.name=swin_unetr"]).network
    assert swin.settings == {"filters": 24, "dropout": 0.0, "recompute": True}
    unetr = resolved(assignments=["network.name=unetr", "network.hidden_size=96"]).network
    assert unetr.settings["hidden_size"] == 96
    with pytest.raises(
        ConfigError, match=r"unknown key 'network\.recompute' for network 'vnet'; did you mean"
    ):
        resolved(assignments=["network.recompute=true"])
    with pytest.raises(
        ConfigError, match=r"network\.filters: expected a whole number, 12 to 1020, a multiple of 12, got 8"
    ):
        resolved(assignments=["network.name=swin_unetr", "network.filters=8"])
    with pytest.raises(ConfigError, match=r"network\.name: expected a name, got 5"):
        resolved(assignments=["network.name=5"])


def test_naming_another_network_drops_what_was_set_of_the_first(tmp_path: Path) -> None:
    # The preset's filters and dropout are those of its V-Net.
    other = resolved(preset="hippocampus", assignments=["network.name=unet"]).network
    assert other.settings == {"filters": 16, "dropout": 0.2}
    same = resolved(preset="hippocampus", assignments=["network.name=vnet"]).network
    assert same.settings == {"filters": 8, "dropout": 0.1}
    file = tmp_path / "mine.yaml"
    file.write_text("network: {name: unet, filters: 4}\n")
    assert resolved(file=file, assignments=["network.dropout=0.3"]).network.settings == {
        "filters": 4,
        "dropout": 0.3,
    }


def test_the_page_on_settings_lists_those_of_each_network() -> None:
    page = (PRESETS.parents[2] / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for name in NETWORKS.builtin:
        fields = network_settings(name).model_fields
        said = ", ".join(f"`{key}` {json.dumps(field.default)}" for key, field in fields.items())
        assert f"| `{name}` | {said} |" in page


def test_numbers_are_read_as_people_write_them() -> None:
    found = resolved(assignments=["trainer.weight_decay=1e-4", "method.alpha=5", "data.flip_axes=[]"])
    assert found.trainer.weight_decay == 1e-4
    assert found.method.settings["alpha"] == 5.0
    assert found.data.flip_axes == ()
    assert resolved(assignments=["data.spacing=[1, null, 2.5]"]).data.spacing == (1.0, None, 2.5)


@pytest.mark.parametrize(
    "assignment",
    [
        "trainer.steps=2.0",
        "trainer.steps=true",
        "trainer.momentum=true",
        "data.cache=5",
        "network.dropout=.nan",
    ],
)
def test_nothing_is_converted_in_silence(assignment: str) -> None:
    with pytest.raises(ConfigError, match=f"{assignment.split('=')[0]}: expected "):
        resolved(assignments=[assignment])


def test_settings_of_a_newer_alcseg_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("format: 2\nseed: 1\n")
    with pytest.raises(ConfigError, match="expected format 1 or an older one, found 2"):
        resolved(file=file)


def test_a_word_that_looks_like_a_number_stays_a_word() -> None:
    assert resolved(assignments=["trainer.precision=32"]).trainer.precision == "32"


def test_an_unknown_method_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"method: expected one of alc, .* got 'acl'\. Did you mean 'alc'"):
        resolved("acl")


def test_a_name_that_stands_for_a_setting_fixes_it() -> None:
    assert resolved("alc_wo_ls").method.settings["select_fraction"] == 1.0
    assert resolved("alc_wo_ls", assignments=["method.select_fraction=1.0"]).method.name == "alc_wo_ls"
    with pytest.raises(ConfigError, match=r"'alc_wo_ls' stands for select_fraction=1\.0, got 0\.5"):
        resolved("alc_wo_ls", assignments=["method.select_fraction=0.5"])


def test_wrong_files_and_presets_are_named(tmp_path: Path) -> None:
    known = "audit, demo, hippocampus, la, la-half, nih"
    with pytest.raises(ConfigError, match=f"expected one of {known}, got 'lungs'"):
        resolved(preset="lungs")
    with pytest.raises(ConfigError, match="found no file"):
        resolved(file=tmp_path / "none.yaml")
    file = tmp_path / "mine.yaml"
    file.write_text("trainers: {steps: 3}\n")
    with pytest.raises(ConfigError, match="unknown section 'trainers'; did you mean 'trainer'"):
        resolved(file=file)
    file.write_text("- steps\n")
    with pytest.raises(ConfigError, match="expected sections like 'data:'"):
        resolved(file=file)
    file.write_text("method: h_sup\n")
    with pytest.raises(ConfigError, match="expected 'alc' as given by --method, got 'h_sup'"):
        resolved(file=file)
    file.write_text("trainer: [1, 2\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: not valid YAML"):
        resolved(file=file)
    file.write_text("trainer: 5\n")
    with pytest.raises(ConfigError, match="expected keys with values under 'trainer:', got 5"):
        resolved(file=file)
    file.write_text("trainer:\nseed: 4\n")
    assert resolved(file=file).seed == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x04", "no text"),
        (b"\0", "null characters"),
        (b"2020-99-99: 1", "not valid YAML"),
        (b"[" * 50_000, "not valid YAML"),
    ],
)
def test_a_file_that_is_no_yaml_is_a_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "own.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        resolved(file=tmp_path / "own.yaml")


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_generator_takes_is_refused(seed):
    with pytest.raises(ConfigError, match="seed: expected a whole number from 0 to 4294967295"):
        resolve("h_sup", seed=seed)
