"""The plainest surfaces of the same run, to see what the mesh stage is worth: fused depths as they are, and a Poisson
surface through the sparse points."""

import numpy as np
from scipy.spatial import cKDTree

from recon.geometry import Reconstruction, TriangleMesh
from recon.geometry.open3d_import import import_open3d
from recon.mesh.depth_maps import render_depth_maps
from recon.mesh.extraction import extract
from recon.mesh.fusion import choose_voxel_size, fuse
from recon.mesh.viewpoints import choose_viewpoints
from recon.render.views import RenderPartFn
from recon.workspace.errors import UserError

_MIN_POINTS = 500


def fuse_plainly(
    reconstruction: Reconstruction, render_view_fn: RenderPartFn, *, n_views: int, max_side: int
) -> TriangleMesh:
    """A TSDF of rendered depths that are opaque by half: nothing checked, nothing cleaned."""
    viewpoints = choose_viewpoints(reconstruction, n_views=n_views, max_side=max_side)
    maps, far = render_depth_maps(
        viewpoints,
        render_view_fn,
        reconstruction=reconstruction,
        max_depth=None,
        min_opacity=0.5,
        max_jump=10.0,
        min_cosine=0.0,
    )
    voxel, blocks = choose_voxel_size(maps, footprints=2.5, truncation_voxels=4, memory_mb=600)
    return extract(fuse(maps, voxel=voxel, truncation_voxels=4, far=far, blocks=blocks), min_weight=1)


def poisson_of_points(reconstruction: Reconstruction, *, depth: int = 9, drop_sparsest: float = 0.05) -> TriangleMesh:
    """Screened Poisson reconstruction (Kazhdan and Hoppe 2013) of the sparse points, its least supported vertices cut.

    Normals come from 16 neighbours and look towards the nearest camera.
    """
    points = reconstruction.points
    if points is None or len(points.positions) < _MIN_POINTS:
        raise UserError(f"comparison: Poisson needs at least {_MIN_POINTS} sparse points. Set compare.poisson=false.")
    o3d = import_open3d()
    centers = reconstruction.centers
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.positions))
    cloud.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(16))
    normals = np.asarray(cloud.normals)
    towards = centers[cKDTree(centers).query(points.positions)[1]] - points.positions
    normals = np.where((normals * towards).sum(1, keepdims=True) < 0, -normals, normals)
    cloud.normals = o3d.utility.Vector3dVector(normals)
    mesh, support = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=depth, n_threads=1)
    mesh.remove_vertices_by_mask(np.asarray(support) < np.quantile(np.asarray(support), drop_sparsest))
    return TriangleMesh(np.asarray(mesh.vertices), np.asarray(mesh.triangles).astype(np.int32))
