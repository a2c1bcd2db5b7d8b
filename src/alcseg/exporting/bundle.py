"""A MONAI bundle: a folder that MONAI's command line runs without alcseg.

The network is the graph of `torch.export`: MONAI builds networks from its own classes by name, and neither
the V-Net nor what methods put around a network is among them. Everything else is MONAI's.
"""

from pathlib import Path
from typing import Any

from torch.export import ExportedProgram

from alcseg.exporting.model_card import model_card
from alcseg.exporting.pt2_file import write_pt2
from alcseg.files import write_json, write_text
from alcseg.inference.sources import BUNDLE_MODEL
from alcseg.records.export import ExportRecord
from alcseg.records.plan import Plan

__all__ = ["inference_config", "metadata", "write_bundle"]

_SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
)

_NO_LICENSE = """No license has been stated for this model.

The weights were learned from somebody's data, and what may be done with them is for its owners to say. Until
they do, in place of this text, nobody but them has a right to use, change or pass on the model.

The software that made this folder, ALCSeg, is under the Apache License 2.0; that says nothing of the weights.
"""

_FIRE = "0.7.1"  # of the command line of MONAI; the release that was tested

_SAME_SPACING = 0.01  # relative, as when alcseg resamples


def write_bundle(program: ExportedProgram, record: ExportRecord, folder: Path, license: str | None) -> None:
    """Fill an empty folder.

    Args:
        program: The network, for windows of the patch.
        record: What it is.
        folder: To fill.
        license: Text of its license, if it has one.
    """
    write_pt2(program, record, folder / BUNDLE_MODEL)
    record.write(folder)
    write_json(folder / "configs" / "metadata.json", metadata(record))
    write_json(folder / "configs" / "inference.json", inference_config(record))
    write_text(folder / "LICENSE", license or _NO_LICENSE)
    write_text(folder / "docs" / "README.md", model_card(record, licensed=license is not None))


def metadata(record: ExportRecord) -> dict[str, Any]:
    """`configs/metadata.json` by the schema of MONAI."""
    plan, trained = record.plan, record.trained_on
    classes = {str(number): name for number, name in enumerate(plan.label_names)}
    named = ", ".join(plan.label_names[1:])
    scores = {} if trained.val_dice is None else {"mean_dice": round(trained.val_dice, 4)}
    shape = {"spatial_shape": list(plan.patch), "dtype": "float32", "is_patch_data": True}
    return {
        "schema": _SCHEMA,
        "version": "0.1.0",
        "changelog": {"0.1.0": f"exported from the run {record.run} by ALCSeg"},
        "monai_version": record.versions["monai"],
        "pytorch_version": record.versions["torch"].partition("+")[0],
        "numpy_version": record.versions["numpy"],
        "required_packages_version": {"nibabel": record.versions["nibabel"], "fire": _FIRE},
        "name": record.run,
        "task": f"Segmentation of {named} in {' and '.join(plan.channel_names)} volumes",
        "description": f"{record.settings.network.name}, trained with the method "
        f"{record.settings.method.name} on {trained.dataset or 'a dataset'}: {trained.cases} cases, "
        f"{trained.hq_cases} of them with trusted labels",
        "authors": "not stated",
        "copyright": "see LICENSE",
        "data_source": trained.dataset or "not stated",
        "data_type": "nibabel",
        "image_classes": ", ".join(plan.channel_names),
        "label_classes": ", ".join(f"{value}: {name}" for name, value in plan.labels.items()),
        "pred_classes": ", ".join(f"{number}: {name}" for number, name in classes.items()),
        "eval_metrics": scores,
        "intended_use": "research; not for diagnosis or treatment",
        "references": ["Chengxuan Qian, Kai Han, et al. Adaptive Label Correction for Robust Medical Image "
                       "Segmentation with Noisy Labels. BIBM 2025. arXiv:2503.12218"],
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "num_channels": len(plan.channel_names),
                    "value_range": [],
                    "channel_def": {str(number): name for number, name in enumerate(plan.channel_names)},
                    **shape,
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": plan.num_classes,
                    "value_range": [],
                    "channel_def": classes,
                    **shape,
                }
            },
        },
    }  # fmt: skip


def inference_config(record: ExportRecord) -> dict[str, Any]:
    """`configs/inference.json`: the way of a volume through the network in MONAI's own parts."""
    plan, rule = record.plan, record.window
    return {
        "imports": [
            "$import collections",
            "$import glob",
            "$import numpy",
            "$import torch",
            "$import torch.export.passes",
        ],
        "bundle_root": ".",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_dir": "$@bundle_root + '/predictions'",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "datalist": _datalist(len(plan.channel_names)),
        "program": "$torch.export.passes.move_to_device_pass("
        f"torch.export.load(@bundle_root + '/{BUNDLE_MODEL.as_posix()}'), str(@device))",
        "network_def": "$torch.export.unflatten(@program)",
        "network": "$@network_def.eval()",
        "preprocessing": {"_target_": "Compose", "transforms": _preprocessing(plan)},
        "dataset": {"_target_": "Dataset", "data": "@datalist", "transform": "@preprocessing"},
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": list(plan.patch),
            "sw_batch_size": 2,
            "overlap": rule.overlap,
            "mode": "gaussian",
            "sigma_scale": rule.sigma,
            "sw_device": "@device",
            "device": "cpu",
        },
        "probabilities": "$lambda windows: @network(windows).softmax(1)",
        "segment": "$lambda item: {**item, 'pred': @inferer(item['image'][None], @probabilities)[0]}",
        "postprocessing": {"_target_": "Compose", "transforms": _postprocessing(plan)},
        "run": [
            "$torch.set_grad_enabled(False)",
            "$collections.deque((@postprocessing(@segment(item)) for item in @dataset), maxlen=0)",
        ],
    }


def _datalist(channels: int) -> str:
    """One file a case, or `<case>_0000.nii.gz`, `<case>_0001.nii.gz`, ..."""
    if channels == 1:
        return "$[{'image': path} for path in sorted(glob.glob(@dataset_dir + '/*.nii*'))]"
    first = "_0000.nii.gz"
    return (
        f"$[{{'image': [path[:-{len(first)}] + f'_{{number:04d}}.nii.gz' for number in range({channels})]}} "
        f"for path in sorted(glob.glob(@dataset_dir + '/*{first}'))]"
    )


def _preprocessing(plan: Plan) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = [
        {"_target_": "LoadImaged", "keys": "image", "image_only": True, "ensure_channel_first": True},
        {"_target_": "Orientationd", "keys": "image", "axcodes": plan.orientation},
    ]
    if any(plan.spacing):
        wanted = [-1.0 if step is None else step for step in plan.spacing]  # -1 keeps a case's own
        steps.append(
            {
                "_target_": "Spacingd",
                "keys": "image",
                "pixdim": wanted,
                "min_pixdim": [
                    step * (1 - _SAME_SPACING) if step > 0 else "$float('nan')" for step in wanted
                ],
                "max_pixdim": [
                    step * (1 + _SAME_SPACING) if step > 0 else "$float('nan')" for step in wanted
                ],
                "mode": "bilinear",
                "padding_mode": "border",
                "scale_extent": True,
            }
        )
    if plan.clip is not None and plan.normalization != "none":
        low, high = plan.clip
        steps.append(_lambda(f"$lambda image: image.clamp({low!r}, {high!r})"))
    if plan.normalization != "none":
        steps.append({"_target_": "NormalizeIntensityd", "keys": "image", "channel_wise": True})
    return [
        *steps,
        {
            "_target_": "SpatialPadd",
            "keys": "image",
            "spatial_size": list(plan.patch),
            "value": "$float('nan')",
        },
        _lambda(
            "$lambda image: torch.where(image.isnan(), "
            "image.nan_to_num(nan=float('inf')).amin((1, 2, 3), keepdim=True), image)"
        ),
        {"_target_": "EnsureTyped", "keys": "image", "dtype": "$torch.float32"},
    ]


def _lambda(function: str) -> dict[str, Any]:
    return {"_target_": "Lambdad", "keys": "image", "func": function}


def _postprocessing(plan: Plan) -> list[dict[str, Any]]:
    classes = list(range(plan.num_classes))
    values = list(plan.label_values)
    largest = max(values)
    kind = "uint8" if largest < 256 else "uint16" if largest < 65536 else "int32"
    renamed = [
        {"_target_": "MapLabelValued", "keys": "pred", "orig_labels": classes, "target_labels": values}
    ] * (classes != values)
    return [
        {
            "_target_": "Invertd",
            "keys": "pred",
            "transform": "@preprocessing",
            "orig_keys": "image",
            "nearest_interp": False,
            "to_tensor": True,
        },
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
        *renamed,
        {
            "_target_": "SaveImaged",
            "keys": "pred",
            "output_dir": "@output_dir",
            "output_postfix": "seg",
            "output_dtype": f"$numpy.{kind}",
            "separate_folder": False,
            "resample": False,
        },
    ]
