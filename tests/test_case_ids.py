import pytest

from alcseg.case_ids import check_case_id, check_text, output_names, require_apart_outputs
from alcseg.errors import DataError, UsageError


@pytest.mark.parametrize(
    "name", ["heart_001", "sub-01.run-2", "a b", "2013_1_1", "Müller", "病例7", "console"]
)
def test_names_of_files_are_kept(name: str) -> None:
    assert check_case_id(name, "here") == name


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "is empty"),
        ("   ", "begins or ends with a dot or a blank"),
        ("../x", "holds part of a path"),
        ("a\\b", "holds part of a path"),
        (".hidden", "begins or ends with a dot"),
        ("a ", "ends with a dot or a blank"),
        ("a.", "ends with a dot or a blank"),
        ("a:b", "holds :"),
        ("T2*", r"holds \*"),
        ("CON", "is a device on Windows"),
        ("nul.v2", "is a device on Windows"),
        ("Com1", "is a device on Windows"),
        ("x" * 201, "is longer than 200 bytes"),
        ("é" * 101, "is longer than 200 bytes"),
        ("=1+1", "a spreadsheet takes for a formula"),
        ("+1", "formula"),
        ("-1", "formula"),
        ("@x", "formula"),
        ("＝x", "formula"),
        ("a\nb", "holds a control or invisible character"),
        ("a\tb", "control"),
        ("a\x7f", "control"),
        ("a\u202eb", "invisible"),
        ("a\udcffb", "invisible"),  # a byte of a file name that is no UTF-8
    ],
)
def test_other_names_are_refused_with_the_reason(name: str, fault: str) -> None:
    with pytest.raises(DataError, match=f"^here: expected a case name .* which .*{fault}"):
        check_case_id(name, "here")


def test_a_message_is_one_line_of_printable_signs() -> None:
    with pytest.raises(DataError) as refused:
        check_case_id("a\n\x1b[31mb", "here")
    assert str(refused.value).isprintable()


def test_names_of_classes_may_hold_more_than_those_of_files() -> None:
    assert check_text("left/right: all?", "label name", "here") == "left/right: all?"
    with pytest.raises(DataError, match="here: expected a plain label name, found '=x', which a spreadsheet"):
        check_text("=x", "label name", "here")


def test_outputs_of_two_cases_do_not_meet() -> None:
    def outputs(*names: str, kinds: tuple[str, ...] = ("label", "prob")) -> dict[str, list[str]]:
        return {name: list(output_names(name, kinds).values()) for name in names}

    assert outputs("scan") == {"scan": ["scan.nii.gz", "scan_prob.nii.gz"]}
    require_apart_outputs(outputs("scan", "scan2"))
    require_apart_outputs(outputs("scan", "scan_prob", kinds=("label",)))
    for pair in (("scan", "scan_prob"), ("scan_prob", "scan"), ("scan", "Scan")):
        with pytest.raises(UsageError, match=r"both give '.*' \(.*\)\. Rename one"):
            require_apart_outputs(outputs(*pair))
