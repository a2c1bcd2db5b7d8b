"""A small MR series for the scripts: `write(folder, lean=0.0, slopes=None)`, 21 axial slices of 2 mm."""

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

MARK = (20, 5, 8)
"""Slice, row and column of the brightest voxel, in the last slice."""


def write(folder, lean=0.0, slopes=None):
    """Write it; each slice stands `lean` mm further along its rows. Returns the place of MARK in LPS mm."""
    folder = Path(folder)
    folder.mkdir()
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    pixels = np.random.default_rng(0).integers(0, 100, (21, 16, 20)).astype("<i2")
    pixels[MARK] = 1001
    for k, plane in enumerate(pixels):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        item.SOPClassUID, item.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        item.StudyInstanceUID, item.SeriesInstanceUID, item.FrameOfReferenceUID = study, series, frame
        item.Modality, item.PatientID, item.PatientName = "MR", "phantom", "Phantom"
        item.StudyDate, item.StudyTime, item.StudyID, item.SeriesNumber = "20260101", "101010", "1", 1
        item.InstanceNumber = k + 1
        item.ImagePositionPatient = [f"{lean * k:g}", "0", f"{2 * k}"]
        item.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
        item.PixelSpacing, item.SliceThickness = ["1", "1"], "2"
        item.Rows, item.Columns = plane.shape
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, 1
        if slopes is not None:
            item.RescaleSlope, item.RescaleIntercept = f"{slopes[k]:g}", "0"
        item.PixelData = plane.tobytes()
        item.save_as(folder / f"{k:03d}.dcm", enforce_file_format=True)
    slice_, row, column = MARK
    return np.array([column + lean * slice_, row, 2.0 * slice_])
