"""bfloat16 is chosen where it is measured to be faster, not where a processor has instructions for it."""

import pytest
import torch

from alcseg.inference import bf16

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def forget():
    """What was measured before, and what these tests make the machine say."""
    bf16.bf16_speedup.cache_clear()
    yield
    bf16.bf16_speedup.cache_clear()


def test_measuring_leaves_threads_and_random_numbers_as_they_were():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    assert bf16.bf16_speedup(CPU) > 0
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("single_s", "half_s", "preferred"), [(3.0, 1.0, True), (1.1, 1.0, False), (1, 2, False)]
)
def test_what_was_faster_is_preferred_by_a_margin(monkeypatch, single_s, half_s, preferred):
    monkeypatch.setattr(bf16, "_step_time", lambda *, half: half_s if half else single_s)
    assert bf16.prefers_bf16(CPU) is preferred


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_is_asked_for_instructions_of_its_own(monkeypatch, native):
    def is_bf16_supported(*, including_emulation):
        return native or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    assert bf16.prefers_bf16(torch.device("cuda")) is native
