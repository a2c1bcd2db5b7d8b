"""From a trained network and a volume to probabilities, label maps and uncertainty on the source grid."""
