"""Things apart from the building: bodies of their own, closed where they stood, and the building closed behind them.

separate    `separate`: the whole of it                      pieces    which connected pieces stand apart
supports    level tops that things stand on                  boxed     what a person marked with a box
clipping    triangles cut along a plane                      closing   a piece drawn down to its planes, and shut there
filling     the planes closed where things stood             patches   their texture continued, and packed with the old
bodies      convex parts; does it stand                      mass      mass and inertia of what those enclose
clearance   the building's parts kept out of things          backs     what nobody saw of a thing, drawn
"""

from recon.export.things.clearance import cleared, cleared_of_boxes
from recon.export.things.separate import Separated, separate

__all__ = ["Separated", "cleared", "cleared_of_boxes", "separate"]
