"""What every reader promises; a test class names it, and writes a tiny look-alike of what it reads."""

from pathlib import Path

from alcseg.commands.check import check
from alcseg.commands.import_dataset import import_dataset
from alcseg.data.readers import READERS, ReaderOptions, find_reader

__all__ = ["ReaderContract"]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class ReaderContract:
    """Its layout is recognized, and no other; what it finds becomes a sound dataset folder.

    Fixtures:
        layout: The word behind `--format`.
        source: A folder with a few cases in this layout.
    """

    def test_its_layout_is_recognized(self, layout: str, source: Path) -> None:
        assert type(find_reader(source)) is READERS[layout]
        assert type(find_reader(source, layout)) is READERS[layout]

    def test_no_other_strict_reader_takes_it(self, layout: str, source: Path) -> None:
        others = {name for name, reader in READERS.items() if not reader.general and reader.detect(source)}
        assert others <= {layout}

    def test_other_things_are_not_recognized(self, layout: str, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "file.txt").write_text("nothing", encoding="utf-8")
        for other in ("empty", "file.txt", "absent"):
            assert not READERS[layout].detect(tmp_path / other)

    def test_cases_are_listed_and_nothing_is_written(self, layout: str, source: Path) -> None:
        before = contents(source)
        found, again = (READERS[layout]().scan(source, ReaderOptions()) for _ in range(2))
        assert contents(source) == before
        names = [case.case_id for case in found.cases]
        assert names
        assert len(set(names)) == len(names)
        assert names == [case.case_id for case in again.cases]
        assert next(iter(found.labels.values())) == 0  # the background
        assert found.channel_names
        for case in found.cases:
            assert case.images, case.case_id  # by which messages name it
            assert all(path.exists() for path in case.images)
            assert case.read().images

    def test_what_it_finds_becomes_a_sound_dataset(self, layout: str, source: Path, tmp_path: Path) -> None:
        found = READERS[layout]().scan(source, ReaderOptions())
        folder = import_dataset(source, tmp_path / "imported", format=layout)
        assert {row.case_id for row in folder.rows} == {case.case_id for case in found.cases}
        assert folder.labels == found.labels
        for row in folder.rows:
            case = folder.read(row.case_id)
            assert len(case.images) == len(found.channel_names)
            assert (case.label is None) == (row.quality == "unlabeled")
        assert not [finding for finding in check(folder.root).findings if finding.grade == "fatal"]
