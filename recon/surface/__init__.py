"""A triangle mesh to ask: where rays hit it, what of it lies nearest, points spread over it. All questions go to Open3D here.

surface     ray casts and nearest points     samples     points spread evenly over the area
"""

from recon.surface.samples import sample_surface
from recon.surface.surface import Hits, Nearest, Surface

__all__ = ["Hits", "Nearest", "Surface", "sample_surface"]
