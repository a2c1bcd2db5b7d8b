"""`alcseg import`: somebody's files become a dataset folder, with the splits drawn once."""

import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from alcseg.commands._imported_splits import groups_of, groups_to_draw, qualities_of, with_their_group
from alcseg.commands._placed_cases import CasePlacer, common_ending
from alcseg.commands._placed_raters import RaterPlacer, choose_fusion
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.data.fusion import FUSIONS, Fusion
from alcseg.data.incomplete import undrawn_classes
from alcseg.data.rater_labels import FUSION, check_rater, joined, require_apart_names
from alcseg.data.readers import ReaderOptions, SourceCase, SourceDataset, find_reader
from alcseg.data.readers.raters import is_readers_own
from alcseg.data.splits import draw_splits
from alcseg.errors import DataError, UsageError
from alcseg.outputs import output_folder, require_apart
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.raters import COMPARISON
from alcseg.seeds import require_seed
from alcseg.types import Spacing
from alcseg.words import shorten

__all__ = ["import_dataset"]

_log = logging.getLogger(__name__)


def import_dataset(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    format: str = "auto",
    test_source: str | os.PathLike[str] | None = None,
    val_fraction: float = 0.0,
    test_fraction: float = 0.0,
    seed: int = 0,
    in_order: bool = False,
    group_regex: str | None = None,
    hq_list: str | os.PathLike[str] | None = None,
    spacing: Spacing | None = None,
    label_map: Mapping[int, int] | None = None,
    raters: Mapping[str, str | os.PathLike[str]] | None = None,
    fuse: Fusion | None = None,
    ignore_label: int | None = None,
    classes_drawn: str | os.PathLike[str] | None = None,
    priority: Sequence[str] = (),
    overwrite: bool = False,
) -> Dataset:
    """Make a dataset folder from `source`, which is never written to.

    NIfTI images are linked or copied as they are; files of other formats are converted, voxel for voxel.
    Every volume is read and checked once on the way. Labels of several readers become one, each is kept, and
    `raters/` tells how each reader draws. NIfTI labels on a grid whose header differs repairably are taken
    over as they are, for `alcseg check --fix`.

    Args:
        source: Folder to import.
        target: Dataset folder to make.
        format: Name of the layout, or `auto`.
        test_source: Folder of the same layout, all of whose cases test; those of `source` do not then.
        val_fraction: Share of the HQ cases drawn for validation; at 0 the source's own stay. Cases that share
            a group with an LQ case train.
        test_fraction: The same for the test. Cases that stay do not count into the shares.
        seed: Of the draw.
        in_order: Draw nothing: the last cases of the source test, those before them validate.
        group_regex: Cases in whose names it matches the same, such as `patient[0-9]+`, are a group; with
            parentheses, what the first match. Without one the source's own groups count.
        hq_list: Text file with one case a line: these are `hq`, all other labeled cases `lq`.
        spacing: Voxel size in mm for layouts that do not store it; above 0.
        label_map: Label value in the files to value wanted.
        raters: Folder of the label files of each reader, by name; None looks for readers in the source, see
            `data/readers/raters.py`.
        fuse: How labels of several readers become one; None: what the source has as the label stays, else
            `majority`.
        ignore_label: Value of voxels that nobody labeled, once `label_map` is applied, above all classes;
            None takes the source's own, which nnU-Net calls `ignore`.
        classes_drawn: Table with the columns `case_id` and `classes_drawn`, names of classes between `;`: a
            class that it leaves out was not drawn in the case. In cases that it does not list all were.
        priority: Names of classes, of which the first wins where segments of a file overlap; without it such
            a file is refused.
        overwrite: Replace a target folder that is not empty.

    Returns:
        The dataset folder, opened.

    Raises:
        UsageError: If the target is not empty, a fraction is out of range or the format is unknown.
        DataError: If a file, a grid or a label value cannot be used; nothing is left behind then.
    """
    require_seed(seed)
    source, target = Path(source), Path(target)
    tests = None if test_source is None else Path(test_source)
    require_apart(target, source, *([] if tests is None else [tests]))
    if tests is not None and test_fraction:
        raise UsageError(
            f"expected either a folder of test cases or --test-fraction, got {tests} and {test_fraction:g}. "
            "Leave out one."
        )
    if spacing is not None and not all(0 < step < math.inf for step in spacing):
        raise UsageError(f"--spacing: expected three voxel sizes above 0 mm, got {spacing}.")
    renamed = dict(label_map or {})
    if fuse is not None and fuse not in FUSIONS:
        raise UsageError(f"--fuse: expected one of {', '.join(FUSIONS)}, got '{fuse}'.")
    stated = {check_rater(name, "--raters"): Path(folder) for name, folder in (raters or {}).items()}
    require_apart_names(stated, "--raters")
    if len(stated) == 1:
        raise UsageError(
            f"--raters: expected the folders of at least two readers, got that of {next(iter(stated))}."
        )
    if stated and tests is not None:
        raise UsageError(
            "--raters: expected the readers of one folder of cases, got --test, too. Use --test-fraction."
        )
    found = _scan(source, tests, format, ReaderOptions(spacing, renamed, stated, ignore_label, priority))
    if unknown := [name for name in priority if name not in found.labels]:
        raise UsageError(
            f"--priority: expected names of classes ({', '.join(found.labels)}), got {', '.join(unknown)}. "
            "One that is not named loses where segments overlap: correct the names."
        )
    fusion = choose_fusion(found.cases, found.extra, fuse)
    ignore = _ignored_value(found, renamed, ignore_label)
    if ignore is not None and fusion is not None:
        raise UsageError(
            f"{source}: expected one label a case where voxels are ignored ({ignore}), found those of "
            "several readers, which are not fused with such voxels. Leave the readers' labels out."
        )
    drawn_in = _classes_drawn(found.cases, None if classes_drawn is None else Path(classes_drawn))
    groups = groups_of(found.cases, group_regex)
    quality = qualities_of(found.cases, None if hq_list is None else Path(hq_list))
    if hq_list is None and not any(case.quality in ("hq", "lq") for case in found.cases):
        _log.info(
            "all labels count as trusted (hq): no list says which are. If some are doubtful, name the others "
            "with --hq-list, or let `alcseg audit` find out"
        )
    kept, drawn = groups_to_draw(found.cases, quality, groups, val=val_fraction > 0, test=test_fraction > 0)
    splits = kept | draw_splits(
        drawn, val_fraction=val_fraction, test_fraction=test_fraction, seed=seed, in_order=in_order
    )
    splits = with_their_group(found.cases, splits, groups)
    rows = [
        CaseRow(
            case_id=case.case_id,
            quality=quality[case.case_id],
            split=splits[case.case_id],
            group=groups[case.case_id],
            source=case.source,
            rater=joined(case.raters) or case.rater,
            classes_drawn=drawn_in[case.case_id],
        )
        for case in found.cases
    ]
    gone = {*renamed} - {*renamed.values()} | {ignore}
    labels = {name: value for name, value in found.labels.items() if value not in gone}
    if ignore is not None and ignore <= max(labels.values()):
        raise UsageError(
            f"--ignore-label: expected a value above all classes ({max(labels.values())}), as nnU-Net wants "
            f"it, got {ignore}. Add --label-map {ignore}={max(labels.values()) + 1} and ignore that."
        )
    for row in rows:
        undrawn_classes(row, labels)  # raises where a name is unknown
    with output_folder(target, overwrite=overwrite, writes=DatasetRecord.NAME) as root:
        ending = common_ending(found.cases)
        readers = (
            None
            if fusion is None
            else RaterPlacer(root, ending, labels, renamed, fusion, anew=fuse is not None)
        )
        placer = CasePlacer(root, ending, len(found.channel_names), labels, renamed, readers, ignore)
        pairs = list(zip(found.cases, rows, strict=True))
        repairable = [
            row.case_id for case, row in track(pairs, "Importing cases") if not placer.place(case, row)
        ]
        notes = [] if readers is None else readers.require_like()
        remarks: tuple[str, ...] = ()
        CaseRow.write(root, rows)
        DatasetRecord(
            name=found.name,
            channel_names=found.channel_names,
            labels=labels,
            ignore=ignore,
            num_training=sum(row.split != "test" and row.quality != "unlabeled" for row in rows),
            file_ending=placer.ending,
            extra=dict(found.extra) | ({} if readers is None or not readers.drew else {FUSION: fusion}),
        ).write(root)
        if readers is not None and readers.drew:
            from alcseg.commands._raters_compared import compare_raters
            from alcseg.commands._raters_page import write_comparison  # loads matplotlib

            compared = compare_raters(Dataset.open(root))
            write_comparison(root / COMPARISON, compared, found.name)
            remarks = compared.remarks
    for remark in remarks:
        _log.warning(remark)
    for note in notes:
        _log.warning("%s: if nobody asked for it, these labels do not say that it is absent", note)
    if ignore_label is not None and not placer.ignoring:
        _log.warning(
            "--ignore-label %d: no label holds this value, so nothing is ignored. Classes are %s: check the "
            "value, also after --label-map",
            ignore_label,
            ", ".join(f"{name} {value}" for name, value in labels.items()),
        )
    if placer.rounded:
        _log.warning(
            "%d labels are stored scaled, such as 0.996 for 1, and were rounded (%s)",
            len(placer.rounded),
            shorten(placer.rounded),
        )
    if placer.turned:
        _log.warning(
            "%d labels have their axes in another order or direction than their image and were put onto its "
            "grid, voxel for voxel (%s)",
            len(placer.turned),
            shorten(placer.turned),
        )
    if placer.cropped:
        _log.warning(
            "%d labels cover a part of their image and were filled up with background (%s)",
            len(placer.cropped),
            shorten(placer.cropped),
        )
    if placer.sheared:
        _log.warning(
            "the axes of %d scans are not perpendicular (%s): `alcseg check %s` says what follows from it",
            len(placer.sheared),
            shorten(placer.sheared),
            target,
        )
    if repairable:
        _log.warning(
            "%d labels have another header than their image (%s): see `alcseg check %s`, and add --fix "
            "if the voxels match",
            len(repairable),
            shorten(repairable),
            target,
        )
    return Dataset.open(target)


def _scan(source: Path, tests: Path | None, layout: str, options: ReaderOptions) -> SourceDataset:
    """The cases of the source and of the folder of test cases, each with a name of its own."""
    reader = find_reader(source, layout)
    if options.spacing is not None and not reader.uses_spacing:
        raise UsageError(f"{source}: expected no --spacing, since these files state their own. Leave it out.")
    if options.raters and not reader.takes_raters:
        raise UsageError(
            f"{source}: expected no --raters, since labels of readers are taken beside NIfTI images alone "
            "(--format nifti or nnunet). Convert the files, or leave it out."
        )
    found = reader.scan(source, options)
    if tests is not None:
        if not tests.is_dir():
            raise DataError(f"{tests}: expected a folder of test cases, found none. Check --test.")
        train = [replace(case, split=None) if case.split == "test" else case for case in found.cases]
        test = [replace(case, split="test") for case in reader.scan(tests, options).cases]
        found = replace(found, cases=(*train, *test))
    _require_names(found.cases, source)
    return replace(found, cases=tuple(_with_own_label(case) for case in found.cases))


def _with_own_label(case: SourceCase) -> SourceCase:
    """The case, without a label beside those of its readers where that is the file of one of them."""
    if case.label is None or not case.raters or not is_readers_own(case.label, case.raters):
        return case
    return replace(case, label=None)


def _ignored_value(found: SourceDataset, renamed: Mapping[int, int], wanted: int | None) -> int | None:
    """Value of voxels that nobody labeled: what is wanted, else the source's own once it is renamed.

    Raises:
        UsageError: If the two differ, or background is wanted.
    """
    own = None if found.ignore is None else renamed.get(found.ignore, found.ignore)
    if wanted is None:
        return own
    if own not in (None, wanted) or wanted <= 0:
        raise UsageError(
            f"--ignore-label: expected {'a value above 0' if own is None else f'{own}, as the source has it'}"
            f", got {wanted}. Correct it or leave it out."
        )
    return wanted


def _classes_drawn(cases: Sequence[SourceCase], table: Path | None) -> dict[str, str]:
    """What `cases.csv` will say of the classes that were drawn in each case: the table, else the source.

    Raises:
        DataError: If the table cannot be read or names a case that is not there.
    """
    known = {case.case_id: case.classes_drawn for case in cases}
    if table is None:
        return known
    rows = {row.case_id: row.classes_drawn for row in CaseRow.read_file(table)}
    if strangers := sorted(rows.keys() - known.keys()):
        raise DataError(
            f"{table}: expected cases of the source, found {shorten(strangers)}. Correct the table."
        )
    if not any(rows.values()):
        raise DataError(
            f"{table}: expected a column classes_drawn with names of classes, found none. Add it."
        )
    return known | rows


def _require_names(cases: Sequence[SourceCase], source: Path) -> None:
    """Raise unless each case has a name of its own."""
    if not cases:
        raise DataError(f"{source}: expected at least one case, found none. Check the folder and --format.")
    seen: dict[str, SourceCase] = {}
    for case in cases:
        known = seen.setdefault(case.case_id, case)
        if known is not case:
            raise DataError(
                f"{source}: expected each case name once, found '{case.case_id}' as {known.images[0]} and "
                f"{case.images[0]}. Rename one of them."
            )
