"""Physics engines as separate programs: each file runs alone, so that a crash or chatter of an engine stays outside.

`python mujoco_drop.py job.json` loads a world, drops spheres, writes an answer; so do pybullet_drop, drake_drop, newton_drop and
sapien_drop. `drop_job` is the part that they share. Only MuJoCo also drives a robot (mujoco_drive), casts rays (mujoco_rays) and
lets things go (mujoco_rest); mujoco_place loads the place for these.
"""
