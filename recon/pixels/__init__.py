"""What is trained on: pixels of the photos within a budget of memory, as rays, and the scene's normalisation.

scene          where the content lies, how far it reaches, what no camera sees
outlines       what a view tells without its colours: its pyramid, its silhouette
free_space     cells that lines of sight cross      sensor_depth  depth of a sensor in the units of the poses
pixel_pool     pixels of all pictures within a budget      pixel_picks    some pixels of one picture
pixel_sampler  random pixels as rays                       lens_tables    directions of pixels by look-up
exposures      how bright and how tinted each picture is beside what all of them show
"""

from recon.pixels.free_space import LinesOfSight, free_cells, lines_of_sight
from recon.pixels.outlines import Outline
from recon.pixels.pixel_pool import PixelPool
from recon.pixels.pixel_sampler import PixelSampler, RayBatch
from recon.pixels.scene import Scene, is_possible, normalize_scene
from recon.pixels.sensor_depth import SensorView, sensor_views

__all__ = [
    "LinesOfSight",
    "Outline",
    "PixelPool",
    "PixelSampler",
    "RayBatch",
    "Scene",
    "SensorView",
    "free_cells",
    "is_possible",
    "lines_of_sight",
    "normalize_scene",
    "sensor_views",
]
