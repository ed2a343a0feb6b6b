"""The place of scene.xml, with its things held or let go. Imported by the programs beside it."""

import mujoco


def held(file: str) -> mujoco.MjSpec:
    """The scene with every thing fixed where it stands: what is tried then is geometry."""
    spec = mujoco.MjSpec.from_file(file)
    for joint in list(spec.joints):
        spec.delete(joint)
    return spec


def let_go(file: str, things: list[str]) -> mujoco.MjSpec:
    """The scene with every named body free to move, whether the package has it free or not."""
    spec = held(file)
    for name in things:
        spec.body(name).add_freejoint()
    return spec
