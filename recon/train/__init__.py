"""Posed photos -> a radiance field.

stage       `train_field`: the stage, resumable
setup       what is there before the first step
loop        to the end of the budget: clock, curve, previews, checkpoints
training    one training: its state and its step
schedule    budget and learning rate
quality     steps of a named quality, and how long they take here
monitor     TensorBoard
gradients   loss and gradients: autograd, or the fused kernel
optimizer   Adam that skips untouched rows
sightings   rays that end on sparse points
"""

from recon.train.stage import train_field

__all__ = ["train_field"]
