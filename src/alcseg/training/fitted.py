"""A method as Lightning fits it."""

from typing import Any, cast

import lightning
import torch

from alcseg.data.sampling import Patches
from alcseg.training_methods import Method

__all__ = ["Fitted"]


class Fitted(lightning.LightningModule):
    """Steps a method, and keeps it in checkpoints.

    Checkpoints hold the weights under the method's own names, so that they do not depend on this wrapper.

    Args:
        method: A prepared one.
    """

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.method = method

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Those of the method."""
        return self.method.configure_optimizers()

    def training_step(self, batch: dict[str, Patches], batch_index: int) -> None:
        """One step of the method."""
        optimizers = self.optimizers()
        several = optimizers if isinstance(optimizers, list) else [optimizers]
        self.method.take_step(
            batch,
            cast(list[torch.optim.Optimizer], several),  # wrapped ones, which do the same
            backward=self.manual_backward,
            rank=self.global_rank,
        )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the step and what the method asks for; all else follows from them and the seed."""
        checkpoint["state_dict"] = self.method.state_dict()
        checkpoint["method"] = type(self.method).__name__
        checkpoint["done"] = self.method.done
        checkpoint["beside_weights"] = self.method.state_beside_weights()
        del checkpoint["loops"]  # one pass over the steps still to do, counted by `done` alone

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on at the step that was saved."""
        checkpoint["state_dict"] = {f"method.{key}": value for key, value in checkpoint["state_dict"].items()}
        self.method.done = checkpoint["done"]
        # Older checkpoints hold what stands beside the weights among all else.
        self.method.take_up(checkpoint.get("beside_weights", checkpoint))
