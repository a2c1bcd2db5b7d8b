"""Label maps by numpy, nibabel and onnxruntime: python predict_onnx.py MODEL.onnx OUT SCAN.nii.gz ..."""

import json
import sys
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import onnxruntime


def resample(array, shape, first):
    """Axes from `first` on: linear, or where voxels grow the mean of what each covers."""
    for axis, (have, want) in enumerate(zip(array.shape[first:], shape, strict=True), first):
        distance = np.abs(np.arange(have) - ((np.arange(want)[:, None] + 0.5) * have / want - 0.5))
        weights = np.clip((have / want + 1) / 2 - distance if have > want else 1 - distance, 0, 1)
        mixed = np.tensordot(weights / weights.sum(1, keepdims=True), array, (1, axis))
        array = np.moveaxis(mixed, 0, axis)
    return array


session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["alcseg.json"])
plan, rule, patch = about["plan"], about["window"], about["plan"]["patch"]
bells = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n * rule["sigma"])) ** 2) for n in patch]
bell = np.maximum(np.einsum("x,y,z->xyz", *bells), rule["smallest_weight"])
for path in map(Path, sys.argv[3:]):  # of one channel; of several, stack the images along the first axis
    scan = nib.load(path)
    ras = nib.as_closest_canonical(scan)
    ratio = [own / (want or own) for own, want in zip(nib.affines.voxel_sizes(ras.affine), plan["spacing"])]
    shape = [n if abs(r - 1) < 0.01 else max(1, round(n * r)) for n, r in zip(ras.shape, ratio)]
    image = resample(ras.get_fdata()[None], shape, 1)
    if plan["normalization"] != "none":
        image = np.clip(image, *(plan["clip"] or (None, None)))
        image = (image - image.mean((1, 2, 3), keepdims=True)) / image.std((1, 2, 3), keepdims=True)
    missing = [max(0, p - n) for p, n in zip(patch, shape)]
    widths = [(0, 0), *((m // 2, m - m // 2) for m in missing)]
    padded = np.stack([np.pad(one, widths[1:], constant_values=one.min()) for one in image]).astype("f4")
    total = np.zeros((len(plan["label_values"]), *padded.shape[1:]))
    strides = [int(p * (1 - rule["overlap"])) for p in patch]
    ends = [n - p for n, p in zip(padded.shape[1:], patch)]
    for corner in product(*({*range(0, end, step), end} for end, step in zip(ends, strides))):
        window = (slice(None), *(slice(a, a + p) for a, p in zip(corner, patch)))
        (logits,) = session.run(["logits"], {"image": padded[window][None]})
        odds = np.exp(logits[0] - logits[0].max(0))
        total[window] += odds / odds.sum(0) * bell
    inner = tuple(slice(low, low + n) for (low, _), n in zip(widths[1:], shape))
    classes = resample((total / total.sum(0))[:, *inner], ras.shape, 1).argmax(0)
    label = np.array(plan["label_values"])[classes].astype(np.min_scalar_type(max(plan["label_values"])))
    way = nib.orientations.ornt_transform(nib.io_orientation(ras.affine), nib.io_orientation(scan.affine))
    label = nib.orientations.apply_orientation(label, way)
    nib.save(nib.Nifti1Image(label, scan.affine), Path(sys.argv[2]) / path.name)
