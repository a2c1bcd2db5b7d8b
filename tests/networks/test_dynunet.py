"""The DynUNet without its second list of weights is MONAI's."""

import torch
from monai.networks.nets.dynunet import DynUNet as Published

from alcseg.networks._dynunet import DynUNet


def test_it_computes_what_the_published_one_does() -> None:
    settings = {
        "spatial_dims": 3,
        "in_channels": 1,
        "out_channels": 2,
        "kernel_size": [3] * 3,
        "strides": [1, 2, 2],
        "upsample_kernel_size": [2] * 2,
        "filters": [2, 4, 8],
    }
    published, ours = Published(**settings).eval(), DynUNet(**settings).eval()
    weights = {key: value for key, value in published.state_dict().items() if "skip_layers" not in key}
    ours.load_state_dict(weights)
    image = torch.randn(1, 1, 8, 12, 16)
    with torch.no_grad():
        assert torch.equal(ours(image), published(image))
