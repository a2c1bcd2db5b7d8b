"""Batches for Lightning: one item of the loader is the batch of one step."""

from collections.abc import Mapping, Sequence

import lightning
import torch
from torch.utils.data import DataLoader

from alcseg.data.cache import CachedCase
from alcseg.data.sampling import Patches, StepDataset, StepSampler
from alcseg.data.transforms import Augmentation
from alcseg.errors import ConfigError
from alcseg.training.fitted import Fitted

__all__ = ["StreamData"]


class StreamData(lightning.LightningDataModule):
    """The batches of the steps that a run still has to do.

    Args:
        streams: Cases per stream.
        sizes: Patches per step and stream over all processes.
        patch: Side lengths in voxels.
        augmentation: Applied to each patch.
        seed: Of the run.
        steps: Steps of the whole run.
        foreground_fraction: See `StepDataset`.
        distance_classes: See `StepDataset`.
        workers: Processes that read patches; 0 reads in the main one.
    """

    def __init__(
        self,
        streams: Mapping[str, Sequence[CachedCase]],
        sizes: Mapping[str, int],
        patch: tuple[int, int, int],
        augmentation: Augmentation,
        *,
        seed: int,
        steps: int,
        foreground_fraction: float = 0.0,
        distance_classes: int | None = None,
        workers: int = 0,
    ) -> None:
        super().__init__()
        self.streams = streams
        self.sizes = sizes
        self.patch = patch
        self.augmentation = augmentation
        self.seed = seed
        self.steps = steps
        self.foreground_fraction = foreground_fraction
        self.distance_classes = distance_classes
        self.workers = workers

    def train_dataloader(self) -> DataLoader[dict[str, Patches]]:
        """From the step the method has reached to the last."""
        trainer = self.trainer
        if trainer is None or not isinstance(trainer.lightning_module, Fitted):
            raise TypeError("StreamData serves a Fitted method that a Lightning trainer fits")
        for stream, size in self.sizes.items():
            if size % trainer.world_size:
                raise ConfigError(
                    f"data.{stream}_batch: expected a multiple of the {trainer.world_size} processes, "
                    f"got {size}. Every process takes an equal share of each stream."
                )
        dataset = StepDataset(
            self.streams,
            self.sizes,
            self.patch,
            self.augmentation,
            seed=self.seed,
            foreground_fraction=self.foreground_fraction,
            distance_classes=self.distance_classes,
            rank=trainer.global_rank,
            world_size=trainer.world_size,
        )
        return DataLoader(
            dataset,
            batch_size=None,
            sampler=StepSampler(trainer.lightning_module.method.done, self.steps),
            num_workers=self.workers,
            pin_memory=torch.cuda.is_available(),
        )
