"""Physics engines as separate programs: each file runs alone, so that a crash or chatter of an engine stays outside.

`drop_job` is the part that they share: `python mujoco_drop.py job.json` loads a world, drops spheres, writes an answer.
"""
