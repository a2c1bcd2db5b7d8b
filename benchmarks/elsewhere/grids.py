"""Where other libraries put a voxel of the same file, for docs/reference/elsewhere.md.

    python benchmarks/elsewhere/grids.py

Runs in the environment of requirements.txt, with `src` on PYTHONPATH. Makes small files in a temporary
folder, has each library read them, and prints a Markdown table: which of the places that the header offers it
took for a voxel near the far corner. Libraries that agree everywhere share a column.
"""

import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

SHAPE = (24, 20, 16)
VOXEL = (20, 15, 12)
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
Places = dict[str, np.ndarray]


def affine(spacing: tuple[float, float, float], shift: float = 0.0, shear: float = 0.0) -> np.ndarray:
    """Voxel index to RAS mm; `shear` leans the third axis towards the second."""
    made = np.diag([*spacing, 1.0])
    made[:3, 3] = (-10.0 + shift, 5.0, 7.0)
    made[1, 2] += shear * spacing[2]
    return made


def place(matrix: np.ndarray) -> np.ndarray:
    """The voxel in RAS mm."""
    return (matrix @ [*VOXEL, 1.0])[:3]


def write(path: Path, sform: np.ndarray, qform: np.ndarray, codes: tuple[int, int], unit: str = "mm") -> None:
    """A NIfTI image whose two forms are as given; codes of the sform and the qform."""
    image = nib.Nifti1Image(np.random.default_rng(0).normal(100, 10, SHAPE).astype(np.float32), sform)
    image.set_qform(qform, codes[1])
    image.set_sform(sform, codes[0])
    image.header.set_xyzt_units(unit)
    image.to_filename(path)


def files(folder: Path) -> dict[str, tuple[Path, Places]]:
    """Name to file, and the places that its header offers by name."""
    usual, moved = affine((1.0, 1.5, 3.0)), affine((1.0, 1.5, 3.0), shift=10.0)
    leaning = affine((1.0, 1.5, 3.0), shear=0.3)
    made: dict[str, tuple[Path, Places]] = {}

    def add(
        name: str, sform: np.ndarray, qform: np.ndarray, codes: tuple[int, int], unit: str = "mm"
    ) -> Places:
        path = folder / f"{len(made)}.nii.gz"
        write(path, sform, qform, codes, unit)
        header = nib.load(path).header
        places = {"sform": place(sform), "qform": place(header.get_qform(coded=False))}
        if np.allclose(*places.values(), atol=1e-3):
            places = {"both": places["sform"]}
        made[name] = (path, places)
        return places

    add("both forms equal", usual, usual, (1, 1))
    add("sform code 1, qform code 1, 10 mm apart", usual, moved, (1, 1))
    add("sform code 2, qform code 1, 10 mm apart", usual, moved, (2, 1))
    add("sform code 4, qform code 1, 10 mm apart", usual, moved, (4, 1))
    add("sform code 2, no qform", usual, usual, (2, 0))
    add("no sform, qform code 1", usual, usual, (0, 1))
    add("neither form", usual, usual, (0, 0)).update(
        {"origin at voxel 0": np.array(VOXEL) * [1.0, 1.5, 3.0],
         "origin at voxel 0, x and y mirrored": np.array(VOXEL) * [-1.0, -1.5, 3.0],
         "origin in the middle, x mirrored": (np.array(VOXEL) - (np.array(SHAPE) - 1) / 2) * [-1.0, 1.5, 3.0]}
    )  # fmt: skip
    add("sform with a shear, code 1, no qform", leaning, leaning, (1, 0))
    add("sform with a shear, code 2, qform code 1", leaning, leaning, (2, 1))
    for unit, factor in (("micron", 1e-3), ("meter", 1e3)):
        small = affine((500.0, 750.0, 1500.0)) if unit == "micron" else affine((0.001, 0.0015, 0.003))
        places = add(f"unit {unit}", small, small, (1, 1), unit)
        places["number taken for mm"] = places.pop("both")
        places["converted to mm"] = factor * place(small)
    return made


def sitk_place(image: Any) -> np.ndarray:
    """The voxel of a SimpleITK or ITK image in RAS mm."""
    return np.array(image.TransformIndexToPhysicalPoint(VOXEL)) * (-1, -1, 1)


def by_alcseg(path: Path) -> np.ndarray:
    """What this package does."""
    from alcseg.data.nifti import read_image

    return place(read_image(path).affine)


def by_nibabel(path: Path) -> np.ndarray:
    """`nibabel.load`."""
    return place(nib.load(path).affine)


def by_simpleitk(path: Path) -> np.ndarray:
    """`SimpleITK.ReadImage`."""
    import SimpleITK

    return sitk_place(SimpleITK.ReadImage(path))


def by_itk(path: Path) -> np.ndarray:
    """`itk.imread`."""
    import itk

    return sitk_place(itk.imread(str(path)))


def by_monai(path: Path, reader: str) -> np.ndarray:
    """`LoadImage`; MONAI's affines are RAS."""
    from monai.transforms import LoadImage

    return place(np.asarray(LoadImage(reader=reader, image_only=True)(str(path)).affine))


def by_torchio(path: Path) -> np.ndarray:
    """`ScalarImage`."""
    import torchio

    return place(np.asarray(torchio.ScalarImage(path).affine))


def by_nnunet_nibabel(path: Path) -> np.ndarray:
    """nnU-Net's NibabelIO."""
    from nnunetv2.imageio.nibabel_reader_writer import NibabelIO

    _, properties = NibabelIO().read_images([str(path)])
    return place(properties["nibabel_stuff"]["original_affine"])


def by_nnunet_sitk(path: Path) -> np.ndarray:
    """nnU-Net's SimpleITKIO, which its datasets of .nii.gz files take first."""
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    _, properties = SimpleITKIO().read_images([str(path)])
    return geometry(**properties["sitk_stuff"])


def geometry(spacing: Any, origin: Any, direction: Any) -> np.ndarray:
    """The voxel by ITK's three parts of a grid, in RAS mm."""
    at = np.array(origin) + np.reshape(direction, (3, 3)) @ (np.array(spacing) * VOXEL)
    return at * (-1, -1, 1)


def by_medpy(path: Path) -> np.ndarray:
    """`medpy.io.load`."""
    from medpy.io import load

    header = load(str(path))[1]
    return geometry(header.get_voxel_spacing(), header.get_offset(), header.get_direction())


def by_ants(path: Path) -> np.ndarray:
    """`ants.image_read`."""
    import ants

    image = ants.image_read(str(path))
    return geometry(image.spacing, image.origin, image.direction)


LIBRARIES: dict[str, tuple[str, Callable[[Path], np.ndarray]]] = {
    "ALCSeg": ("alcseg", by_alcseg),
    "nibabel": ("nibabel", by_nibabel),
    "MONAI NibabelReader, its default,": ("monai", lambda path: by_monai(path, "NibabelReader")),
    "nnU-Net NibabelIO": ("nnunetv2", by_nnunet_nibabel),
    "SimpleITK": ("simpleitk", by_simpleitk),
    "ITK": ("itk", by_itk),
    "MONAI ITKReader": ("monai", lambda path: by_monai(path, "ITKReader")),
    "nnU-Net SimpleITKIO, its first choice,": ("nnunetv2", by_nnunet_sitk),
    "MedPy": ("medpy", by_medpy),
    "ANTsPy": ("antspyx", by_ants),
    "TorchIO": ("torchio", by_torchio),
}


def named(found: np.ndarray, places: Places) -> str:
    """Which of the places was taken."""
    for name, expected in places.items():
        if np.allclose(found, expected, atol=0.01, rtol=1e-4):
            return name
    off = {name: np.linalg.norm(found - expected) for name, expected in places.items()}
    nearest = min(off, key=lambda name: off[name])
    return f"{off[nearest]:.3g} mm from {nearest}"


def answer(read: Callable[[Path], np.ndarray], path: Path, places: Places) -> str:
    """A cell of the table."""
    try:
        return named(read(path), places)
    except Exception as error:  # noqa: BLE001  what a library raises is what is asked
        return f"refused ({type(error).__name__})"


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = files(Path(folder))
        columns: dict[tuple[str, ...], list[str]] = {}
        for name, (package, read) in LIBRARIES.items():
            known = name if package == "alcseg" else f"{name} {version(package)}"
            answers = tuple(answer(read, path, places) for path, places in made.values())
            columns.setdefault(answers, []).append(known)
    print("| file |", " | ".join("; ".join(names) for names in columns.values()), "|")
    print("|---" * (len(columns) + 1) + "|")
    for row, name in enumerate(made):
        print(f"| {name} |", " | ".join(answers[row] for answers in columns), "|")


if __name__ == "__main__":
    main()
