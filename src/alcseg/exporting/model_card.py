"""The model card of an exported model: what it is, what it learned from, how well, and where it ends."""

import jinja2

from alcseg.records.export import ExportRecord
from alcseg.records.plan import Plan

__all__ = ["model_card"]


def model_card(record: ExportRecord, *, licensed: bool) -> str:
    """Markdown of `docs/README.md`; the text is `model_card.md`.

    Args:
        record: Of the model.
        licensed: Whether a license was given.
    """
    pages = jinja2.Environment(
        loader=jinja2.PackageLoader("alcseg.exporting", "."),
        autoescape=False,  # Markdown
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: value.replace("|", "&#124;") if isinstance(value, str) else value,
        keep_trailing_newline=True,
    )
    plan = record.plan
    return pages.get_template("model_card.md").render(
        record=record,
        plan=plan,
        trained=record.trained_on,
        agreement=record.agreement,
        named=", ".join(plan.label_names[1:]) or plan.label_names[0],
        torch=record.versions["torch"].partition("+")[0],
        spacing=" x ".join("the image's own" if step is None else f"{step:g}" for step in plan.spacing),
        intensities=_intensities(plan),
        resamples=any(plan.spacing),
        licensed=licensed,
    )


def _intensities(plan: Plan) -> str:
    if plan.normalization == "none":
        return "as they are in the file"
    window = "" if plan.clip is None else f"cut to {plan.clip[0]:g} .. {plan.clip[1]:g}, then "
    return f"{window}mean 0 and standard deviation 1 within each volume and channel"
