"""What shaped a run besides its settings, and whether it is the same when the run goes on."""

from collections.abc import Iterator, Mapping, Sequence

from alcseg.data.cache import source_files
from alcseg.data.folder import Dataset
from alcseg.errors import CheckpointError, DataError
from alcseg.files import file_hash, lines_hash
from alcseg.records.cases import CaseRow
from alcseg.records.run import RunInput, Use
from alcseg.run import Run

__all__ = ["handed_on_hash", "require_handed_on", "require_same_inputs", "run_inputs"]

_DOES = {"train": "trains", "val": "validates"}
_DID = {"train": "trained", "val": "validated"}


def run_inputs(folder: Dataset, train: Sequence[CaseRow], val: Sequence[CaseRow]) -> dict[str, RunInput]:
    """Each case of a run: what it is there for, and its files; all of them are read.

    Args:
        folder: The dataset.
        train: Cases that train.
        val: Cases that validate.
    """
    uses: tuple[tuple[Use, Sequence[CaseRow]], ...] = (("train", train), ("val", val))
    return {
        row.case_id: RunInput(
            use=use,
            quality=row.quality,
            files=source_files(folder, row),
            classes_drawn="" if row.drawn is None else ";".join(sorted(row.drawn)),
        )
        for use, rows in uses
        for row in rows
    }


def require_same_inputs(run: Run, folder: Dataset, found: Mapping[str, RunInput], hashed: str) -> None:
    """Refuse to go on with a run on other data, or by another plan, than it began with.

    Args:
        run: One that was begun.
        folder: The dataset.
        found: Its cases as they are now.
        hashed: Of all of them, which is all that older runs know.

    Raises:
        DataError: Naming what is different.
        CheckpointError: If `plan.json` was changed.
    """
    known = run.record
    if known.plan_hash not in (None, file_hash(run.plan_path)):
        raise CheckpointError(
            f"{run.plan_path}: expected the plan that the run began with, found another one. Restore the "
            "file, or train with other settings into another folder."
        )
    folder.require_labels(run.plan.labels, run.path)
    channels = tuple(folder.channel_names.values())
    change = next(_changes(known.inputs, found), "")
    if channels != run.plan.channel_names:
        change = f"channels {', '.join(channels)} in place of {', '.join(run.plan.channel_names)}"
    elif not known.inputs and hashed != known.data_hash:
        change = f"files or qualities with hash {hashed}, expected {known.data_hash}"
    if change:
        raise DataError(
            f"{folder.root}: the data is not what run {run.path} began with: {change}. Restore the dataset, "
            "or train into another folder."
        )


def _changes(known: Mapping[str, RunInput], found: Mapping[str, RunInput]) -> Iterator[str]:
    """What is different, in words; nothing where a run from before knows no cases."""
    if not known:
        return
    for case_id, old in known.items():
        new = found.get(case_id)
        if new is None:
            yield f"case '{case_id}' {_DID[old.use]} and is not there for that any more"
        elif new.use != old.use:
            yield f"case '{case_id}' {_DID[old.use]}, and {_DOES[new.use]} now"
        elif new.quality != old.quality:
            yield f"the label of case '{case_id}' was {old.quality}, and is {new.quality} now"
        elif new.classes_drawn != old.classes_drawn:
            drawn = (each.classes_drawn or "all classes" for each in (old, new))
            yield "of case '{}' {} were drawn, and {} now".format(case_id, *drawn)
        elif new.files != old.files:
            names = [
                name for name in {**old.files, **new.files} if old.files.get(name) != new.files.get(name)
            ]
            yield f"{names[0]} of case '{case_id}' is another file"
    for case_id in found.keys() - known.keys():
        yield f"case '{case_id}' is new and {_DOES[found[case_id].use]}"


def handed_on_hash(run: Run) -> str:
    """Of all labels that a stage handed on."""
    labels = [path for path in run.labels_path.glob("*.npy") if not path.name.endswith(".distance.npy")]
    lines = [f"{path.name} {file_hash(path)}" for path in sorted(labels)]
    return lines_hash(lines)


def require_handed_on(run: Run) -> None:
    """Refuse labels that are not those which a finished stage handed on.

    Raises:
        CheckpointError: If one was changed, added or is gone.
    """
    if run.record.handed_on.get(run.stage, None) not in (None, handed_on_hash(run)):
        raise CheckpointError(
            f"{run.labels_path}: expected the labels that stage {run.stage} handed on, found others. Restore "
            "the files, or train afresh with --overwrite."
        )
