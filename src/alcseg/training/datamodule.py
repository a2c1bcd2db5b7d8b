"""Batches for Lightning: one item of the loader is the batch of one step."""

from dataclasses import replace

import lightning
import torch
from torch.utils.data import DataLoader

from alcseg.data.sampling import Patches, StepDataset
from alcseg.training.fitted import Fitted

__all__ = ["StreamData"]


class StreamData(lightning.LightningDataModule):
    """The batches of the steps that a run still has to do.

    Args:
        batches: Of all steps, as a single process sees them.
        steps: How many they are.
        workers: Processes that read patches; 0 reads in the main one.
    """

    def __init__(self, batches: StepDataset, steps: int, *, workers: int = 0) -> None:
        super().__init__()
        self.batches = batches
        self.steps = steps
        self.workers = workers

    def train_dataloader(self) -> DataLoader[dict[str, Patches]]:
        """From the step the method has reached to the last."""
        trainer = self.trainer
        if trainer is None or not isinstance(trainer.lightning_module, Fitted):
            raise TypeError("StreamData serves a Fitted method that a Lightning trainer fits")
        return DataLoader(
            replace(self.batches, rank=trainer.global_rank, world_size=trainer.world_size),
            batch_size=None,
            sampler=range(trainer.lightning_module.method.done, self.steps),
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
        )
