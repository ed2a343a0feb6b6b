"""The radiance field: what one is, the kinds there are, and a trained one to look at.

interface          what a field is: density, colour, background, and kernels of its own where it has them
kinds              the kinds by name                       settings  conf/field
hash_grid          a hash grid and two small networks      hash_grid_kernels  its fused kernels
trained            a trained field: pictures from any camera, colours at any point, in world units
field_file         field/field.pt, which every later stage reads
checkpoint         everything that training goes on from; complete, atomic, safe to load
"""

from recon.field.hash_grid import FieldShape, RadianceField, truncated_exp

__all__ = ["FieldShape", "RadianceField", "truncated_exp"]
