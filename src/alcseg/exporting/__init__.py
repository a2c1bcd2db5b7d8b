"""From a run to files that leave the house: `.pt2`, ONNX, a MONAI bundle."""
