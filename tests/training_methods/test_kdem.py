"""A teacher branch on HQ labels, a confident student branch that follows it."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.losses import segmentation_loss
from alcseg.training_methods import Method
from alcseg.training_methods.kdem import distillation_loss, entropy_loss

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]


def softmax(values: list[float]) -> list[float]:
    powers = [math.exp(value) for value in values]
    return [power / sum(powers) for power in powers]


def slow_distillation(teacher: np.ndarray, student: np.ndarray, temperature: float, form: str) -> float:
    """Voxel by voxel, from logits `(B, K, X, Y, Z)`."""
    values = []
    for index in np.ndindex(teacher.shape[0], *teacher.shape[2:]):
        t = [float(value) for value in teacher[index[0], :, *index[1:]]]
        s = [float(value) for value in student[index[0], :, *index[1:]]]
        if form == "probs":
            t, s = softmax(t), softmax(s)
        p = softmax([value / temperature for value in t])
        q = softmax([value / temperature for value in s])
        if form == "logits":
            kl = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
            values.append(temperature**2 * kl)
        else:
            kl = sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
            values.append(0.5 * temperature**2 * kl / len(p))
    return sum(values) / len(values)


def slow_entropy(logits: np.ndarray) -> float:
    values = []
    for index in np.ndindex(logits.shape[0], *logits.shape[2:]):
        probs = softmax([float(value) for value in logits[index[0], :, *index[1:]]])
        values.append(-sum(p * math.log(p) for p in probs) / len(probs))
    return sum(values) / len(values)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("form", ["logits", "probs"])
def test_losses_agree_with_a_restatement_voxel_by_voxel(
    classes: int, form: str, rng: np.random.Generator
) -> None:
    teacher, student = rng.normal(0, 2, (2, 2, classes, 2, 3, 2))
    value = distillation_loss(torch.tensor(teacher), torch.tensor(student), temperature=3.0, form=form)
    assert value.item() == pytest.approx(slow_distillation(teacher, student, 3.0, form), rel=1e-5)
    assert entropy_loss(torch.tensor(student)).item() == pytest.approx(slow_entropy(student), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("form", ["logits", "probs"])
def test_distillation_vanishes_where_both_agree(classes: int, form: str, rng: np.random.Generator) -> None:
    teacher = torch.tensor(rng.normal(0, 3, (1, classes, 2, 2, 2)), dtype=torch.float32)
    student = teacher.clone().requires_grad_()
    value = distillation_loss(teacher, student, temperature=2.0, form=form)
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(student.grad, torch.zeros_like(student), rtol=0, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_entropy_of_uniform_and_of_certain_predictions(classes: int) -> None:
    uniform = torch.zeros(1, classes, 2, 2, 2)
    assert entropy_loss(uniform).item() == pytest.approx(math.log(classes) / classes)
    certain = uniform.clone()
    certain[:, 1] = 200.0  # exp(-200) is 0 in float32
    certain.requires_grad_()
    value = entropy_loss(certain)
    value.backward()
    assert value.item() == 0
    assert torch.isfinite(certain.grad).all()


def test_the_public_codes_form_is_nearly_a_squared_difference(make_method: Make) -> None:
    # For two classes, foreground probabilities a and b: about 2.45 (a - b)^2 with the weight of 20.
    weight = make_method("kdem", kd_form="probs").term_weights()["kd"]
    for a in np.linspace(0.02, 0.98, 9):
        for b in np.linspace(0.05, 0.95, 9):
            logits = [torch.tensor([1 - p, p]).log().reshape(1, 2, 1, 1, 1) for p in (a, b)]
            value = weight * distillation_loss(*logits, temperature=2.0, form="probs").item()
            assert value == pytest.approx(2.45 * (a - b) ** 2, rel=0.04, abs=1e-5)


def terms_of(method: Method, batch: dict[str, Patches]) -> dict[str, torch.Tensor]:
    """The page's formulas on logits of both paths; only without BatchNorm and dropout."""
    upper, lower = method.network.path("upper"), method.network.path("lower")
    hq, lq = batch["hq"], batch["lq"]
    watched = torch.cat([hq.image, lq.image]) if method.settings.kd_on == "all" else hq.image
    pair = [path(watched).detach().numpy() for path in (upper, lower)]
    return {
        "hq": segmentation_loss(upper(hq.image), hq.label),
        "weak": segmentation_loss(lower(hq.image), hq.label) + segmentation_loss(lower(lq.image), lq.label),
        "kd": torch.tensor(slow_distillation(*pair, 2.0, method.settings.kd_form)),
        "ent": torch.tensor(slow_entropy(lower(lq.image).detach().numpy())),
    }


@pytest.mark.parametrize("kd_on", ["hq", "all"])
def test_terms_are_those_of_the_paper(kd_on: str, make_method: Make, make_batch: MakeBatch) -> None:
    method = make_method("kdem", classes=3, dropout=0.0, norm=False, kd_on=kd_on)
    batch = make_batch("kdem", classes=3)
    terms, expected = method.training_terms(batch), terms_of(method, batch)
    assert tuple(terms) == method.terms
    for name, term in terms.items():
        assert term.item() == pytest.approx(expected[name].item(), rel=1e-4)


@pytest.mark.parametrize("kd_on", ["hq", "all"])
@pytest.mark.parametrize(
    ("term", "teacher_moves", "student_moves"),
    [("hq", True, False), ("weak", False, True), ("kd", False, True), ("ent", False, True)],
)
def test_who_learns_from_what(
    kd_on: str, term: str, teacher_moves: bool, student_moves: bool, make_method: Make, make_batch: MakeBatch
) -> None:
    method = make_method("kdem", kd_on=kd_on)
    method.training_terms(make_batch("kdem"))[term].backward()
    network = method.network
    for part, moves in (
        (network.upper, teacher_moves),
        (network.lower, student_moves),
        (network.trunk, True),
    ):
        gradients = [parameter.grad for parameter in part.parameters() if parameter.grad is not None]
        assert any(gradient.any() for gradient in gradients) == moves


def test_the_public_codes_form_moves_both_branches(make_method: Make, make_batch: MakeBatch) -> None:
    method = make_method("kdem", kd_form="probs")
    method.training_terms(make_batch("kdem"))["kd"].backward()
    for part in (method.network.upper, method.network.lower):
        assert all(parameter.grad.any() for parameter in part.parameters())


def test_the_teacher_branch_sees_lq_only_to_distill_on_it(make_method: Make, make_batch: MakeBatch) -> None:
    for kd_on, count in (("hq", 2), ("all", 6)):
        method, seen = make_method("kdem", kd_on=kd_on), []
        method.network.upper.register_forward_hook(
            lambda _, inputs, __, seen=seen: seen.append(len(inputs[0]))
        )
        method.training_terms(make_batch("kdem"))
        assert seen == [count]


def test_without_the_student_the_teacher_is_h_sup(make_method: Make, make_batch: MakeBatch) -> None:
    # BatchNorm of the trunk would couple the HQ patches with the LQ ones, so there is none here.
    options = {"norm": False, "dropout": 0.0}
    method = make_method("kdem", weak_weight=0.0, kd_weight=0.0, entropy_weight=0.0, **options)
    h_sup = make_method("h_sup", **options)
    for _ in range(3):
        batch = make_batch("kdem")
        method.step(batch)
        h_sup.step({"hq": batch["hq"]})
    teacher = method.network.path("upper")
    for own, theirs in zip(teacher.parameters(), h_sup.network.parameters(), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-6)


def test_the_entropy_ramps_up_linearly(make_method: Make) -> None:
    method = make_method("kdem", steps=20, entropy_ramp_fraction=0.5, entropy_weight=2.0)
    found = []
    for method.done in (0, 4, 10, 19):
        found.append(method.term_weights()["ent"])
    assert found == pytest.approx([0.0, 0.8, 2.0, 2.0])
    assert method.term_weights() == {"weak": 0.1, "kd": 1.0, "ent": 2.0}
    assert make_method("kdem", entropy_ramp_fraction=0.0).term_weights()["ent"] == 1.0


def test_without_the_quality_every_patch_plays_both_parts(
    make_method: Make, make_patches: Callable[..., Patches]
) -> None:
    method = make_method("kdem", dropout=0.0, norm=False, quality_aware=False)
    assert method.streams == ("union",)
    patches = make_patches(3)
    terms = method.training_terms({"union": patches})
    upper, lower = (method.network.path(branch)(patches.image) for branch in ("upper", "lower"))
    torch.testing.assert_close(terms["hq"], segmentation_loss(upper, patches.label))
    torch.testing.assert_close(terms["weak"], segmentation_loss(lower, patches.label))
    torch.testing.assert_close(terms["kd"], distillation_loss(upper, lower, temperature=2.0))
    torch.testing.assert_close(terms["ent"], entropy_loss(lower))


def test_the_student_branch_predicts(make_method: Make, make_batch: MakeBatch) -> None:
    method = make_method("kdem").eval()
    networks = method.export_networks()
    image = make_batch("kdem")["lq"].image
    assert set(networks) == {"model"}
    with torch.no_grad():
        assert torch.equal(networks["model"].eval()(image), method.network(image, image)[-1])


def test_settings_out_of_range_are_named(make_method: Make) -> None:
    with pytest.raises(ConfigError, match=r"method\.temperature: expected a number, above 0, got 0"):
        make_method("kdem", temperature=0.0)
    with pytest.raises(ConfigError, match=r"method\.kd_on: expected one of hq, all, got 'lq'"):
        make_method("kdem", kd_on="lq")
