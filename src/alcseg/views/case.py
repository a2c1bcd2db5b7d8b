"""A case of a dataset: three planes with the outline of its label."""

from matplotlib.figure import Figure

from alcseg.data.dataset_case import Case
from alcseg.reporting.cases import upright_case
from alcseg.reporting.figures import case_panels
from alcseg.views.card import card, plain, shown, table

__all__ = ["figure", "html"]


def figure(case: Case) -> Figure:
    """Axial, coronal and sagittal slices where most is labeled.

    Raises:
        DataError: If a file cannot be read.
    """
    labels = {} if case.label is None else {"trusted" if case.quality == "hq" else "given": case.label}
    upright = upright_case(case.image, case.affine, labels)
    title = plain(case.case_id)
    return shown(case_panels(upright.image, upright.spacing, contours=upright.labels, title=title))


def html(case: Case) -> str:
    """Grid, volumes of the classes, and the picture."""
    return card(
        f"Case {case.case_id}: {case.split}, {case.quality}",
        lambda: table(
            [
                {
                    "shape": " × ".join(map(str, case.image.shape)),
                    "spacing (mm)": " × ".join(f"{step:.4g}" for step in case.spacing),
                    "channels": len(case.images),
                    "group": case.group,
                }
            ]
        ),
        lambda: _volumes(case),
        picture=lambda: figure(case),
    )


def _volumes(case: Case) -> str:
    if case.label is None:
        return "<p>no label</p>"
    voxel, label = case.volumes[0].voxel_mm3, case.label
    return table(
        {"class": name, "value": value, "volume (mm³)": voxel * int((label == value).sum())}
        for name, value in case.dataset.labels.items()
        if value
    )
