"""The radiance field.

hash_grid   density and colour at every point: a hash grid and two small networks
trained     a trained field to look at: pictures from any camera, colours at any point, in world units
checkpoint  complete, atomic, safe to load
"""

from recon.field.hash_grid import FieldShape, RadianceField, truncated_exp

__all__ = ["FieldShape", "RadianceField", "truncated_exp"]
