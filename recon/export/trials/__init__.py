"""Trials of a finished package: engines drop spheres and cast rays, a robot drives, checkers read the files.

verify       `verify_world`: every trial, and what came of it      engine_run  one engine as a process of its own
engine_drop  spheres dropped in one engine, and the verdict          drop_test   judging tracks
places       where to drop, and which places hold                   marble      a sphere on the visual mesh itself
drive        lanes and a random walk of a wheeled robot              rest        whether things rest once they are let go
checkers     programs that check file formats                       rays        contact geometry against the visual mesh
engines/     the programs that load a world, one for each engine
"""
