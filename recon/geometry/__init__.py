"""Shared nouns and pure maths. Torch, numpy, scipy; Open3D only where a mesh is asked, through the one door to it.

transforms      rigid and similarity transforms     cameras        intrinsics of one camera
lenses          how each model of lens distorts
pinhole         a camera without its lens, in numpy
rays            origin and direction                lines          the point nearest to many lines of sight
bounds          boxes, and the contraction of all space
reconstruction  views, points, scale: the hub       mesh           triangles
split           which views are held out            lens_folds     where a distortion model turns back
points          sparse coloured points              tracks         which view saw which of them, and where
matched_view    what matching knows of a view       face_evidence  how each face of a mesh is known
panorama        directions and views of one         geodesy        places on the Earth
face_graph      which faces hang together
surface         a mesh to ask: ray casts, nearest places, samples; import this one by its name
open3d_import   the one door to Open3D
"""

from recon.geometry.bounds import contract, intersect_box, uncontract
from recon.geometry.cameras import Camera, pixel_centers
from recon.geometry.face_evidence import Evidence, FaceEvidence
from recon.geometry.lines import focus_of, nearest_to_lines
from recon.geometry.matched_view import Kind, MatchedView
from recon.geometry.mesh import TriangleMesh
from recon.geometry.points import Points
from recon.geometry.rays import Rays, pixel_directions, rays_through_pixels, z_of_directions
from recon.geometry.reconstruction import Reading, Reconstruction, Scale, Split, View
from recon.geometry.split import held_out
from recon.geometry.tracks import Tracks
from recon.geometry.transforms import (
    Similarity,
    align_points,
    apply_rigid,
    invert_rigid,
    is_rigid,
    look_at,
    opencv_from_opengl,
    opengl_from_opencv,
    rigid,
    rotation_between,
    rotation_from_wxyz,
    wxyz_from_rotation,
)

__all__ = [
    "Camera",
    "Evidence",
    "FaceEvidence",
    "Kind",
    "MatchedView",
    "Points",
    "Rays",
    "Reading",
    "Reconstruction",
    "Scale",
    "Similarity",
    "Split",
    "Tracks",
    "TriangleMesh",
    "View",
    "align_points",
    "apply_rigid",
    "contract",
    "focus_of",
    "held_out",
    "intersect_box",
    "invert_rigid",
    "is_rigid",
    "look_at",
    "nearest_to_lines",
    "opencv_from_opengl",
    "opengl_from_opencv",
    "pixel_centers",
    "pixel_directions",
    "rays_through_pixels",
    "rigid",
    "rotation_between",
    "rotation_from_wxyz",
    "uncontract",
    "wxyz_from_rotation",
    "z_of_directions",
]
