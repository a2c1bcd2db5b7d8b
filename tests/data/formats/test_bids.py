import pytest

from alcseg.data.formats.bids import file_name
from alcseg.errors import UsageError


@pytest.mark.parametrize(
    ("case_id", "file"),
    [
        ("heart_001", "sub-heart001/anat/sub-heart001_desc-alc_dseg.nii.gz"),
        ("sub-01_T1w", "sub-01/anat/sub-01_desc-alc_dseg.nii.gz"),
        ("sub-01", "sub-01/anat/sub-01_desc-alc_dseg.nii.gz"),
        ("sub-01_ses-2_run-1_T1w", "sub-01/ses-2/anat/sub-01_ses-2_run-1_desc-alc_dseg.nii.gz"),
        ("sub-01_odd-x_T1w", "sub-sub01oddxT1w/anat/sub-sub01oddxT1w_desc-alc_dseg.nii.gz"),
    ],
)
def test_a_case_keeps_its_entities_or_becomes_a_subject(case_id: str, file: str) -> None:
    assert file_name(case_id) == file


def test_a_name_without_letters_or_digits_is_refused() -> None:
    with pytest.raises(UsageError, match="letters or digits"):
        file_name("__")
