"""Posed photos -> a radiance field.

stage       `train_field`: the stage, resumable
setup       what is there before the first step
run         the loop around the steps: clock, curve, previews, checkpoints
loop        one training: its state and its step
schedule    budget and learning rate
checkpoint  complete, atomic, safe to load
trained     `TrainedField`: a trained field to look at, in world units
monitor     TensorBoard
gradients   loss and gradients: autograd, or the fused kernel
optimizer   Adam that skips untouched rows
sightings   rays that end on sparse points
metrics     PSNR, SSIM, MS-SSIM, FLIP, LPIPS
"""

from recon.train.stage import train_field
from recon.train.trained import TrainedField, load_trained_field

__all__ = ["TrainedField", "load_trained_field", "train_field"]
