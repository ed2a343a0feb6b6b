"""Posed photos -> a radiance field.

stage       `train_field`: the stage, resumable     settings  conf/train
setup       what is there before the first step
loop        to the end of the budget: clock, curve, previews, checkpoints
training    one training: its state and its step
recording   steps recorded once and replayed, for GPUs
schedule    budget and learning rate
quality     steps of a named quality, and how long they take here
monitor     TensorBoard
previews    held-out views, small, for it
targets     what the rays of a step should see
batch       how much one step takes on; sample_counts: how many samples a ray takes
gradients   loss and gradients: autograd, or the fused kernel
optimizer   Adam that skips untouched rows
exposure    gains of the pictures, learned beside the field
depth_lines rays of known depth: opaque at the surface, free before it
known_depth where they come from: sparse points, matching, a sensor
"""
