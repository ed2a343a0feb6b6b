"""The texture corrected by pictures of it: what photos show and pictures of the mesh from there do not, goes into the texels.

Blending gives each texel the photos' colour at its own place, softened twice by interpolation and by photos that do not quite
meet. A picture of the mesh is linear in its texels, p = A T, where a pixel's row of A holds its four texels' bilinear shares.
So each round moves the texels by a step of simultaneous iterative reconstruction (Gilbert 1972),

    T <- T + A^T W (g P - A T) / (A^T W 1 + s)

over all photos P with their gains g. W is small where a surface is seen at a grazing angle and where photo and picture differ
so much that something else stands there. Many rounds fit what single photos show and nobody else does; two sharpen.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry import TriangleMesh
from recon.kernels.texels import SeenTexels, add_corrections
from recon.mesh.photos import PhotoWithDepth
from recon.mesh.picture import MeshScene, texture_taps
from recon.workspace.console import progress

_N_PIXELS = 12_000_000  # compared in all photos together; of more, so many are drawn
_MIN_COSINE = 0.1  # pixels that see the surface at a more grazing angle say nothing
_EDGE = 0.02  # second difference of 1 / depth, in parts of it, that no smooth surface has
_STIFFNESS = 0.5  # s: texels that few pixels touch move less


def sharpen(
    mesh: TriangleMesh,
    photos: Sequence[PhotoWithDepth],
    gains: NDArray[np.float32],
    *,
    n_rounds: int,
    device: torch.device,
) -> TriangleMesh:
    """The textured mesh with its texture corrected by the photos that painted it.

    Args:
        mesh: with uvs and texture. photos: with the mesh's depth; gains [photos, 3]: multiply their colours.
        n_rounds: of the correction; 0 leaves the mesh as it is. device: what computes.
    """
    if n_rounds == 0 or not photos:
        return mesh
    assert mesh.texture is not None
    scene, shape = MeshScene(mesh), mesh.texture.shape
    texture = torch.zeros(shape[0] * shape[1], 4, device=device)  # a fourth number makes rows of one register
    texture[:, :3] = torch.from_numpy(mesh.texture.reshape(-1, 3)).to(device) / 255
    rng = np.random.default_rng(0)
    comparisons = []
    with progress("mesh: sharpening", len(photos) * (n_rounds + 1)) as bar:
        for photo, gain in zip(photos, gains, strict=True):
            comparisons.append(_compare(scene, photo, gain, _N_PIXELS // len(photos), rng, device))
            bar.advance()
        for _ in range(n_rounds):
            sums = torch.zeros_like(texture)
            for comparison in comparisons:
                add_corrections(comparison, texture, sums)
                bar.advance()
            texture = (texture + sums / (sums[:, 3:] + _STIFFNESS)).clamp(0, 1)
    painted = (texture[:, :3] * 255).round().to(torch.uint8).cpu().numpy().reshape(shape)
    return replace(mesh, texture=painted)


def _compare(
    scene: MeshScene,
    photo: PhotoWithDepth,
    gain: NDArray[np.float32],
    n_most: int,
    rng: np.random.Generator,
    device: torch.device,
) -> SeenTexels:
    """At most `n_most` pixels of a photo that see the surface well, drawn evenly.

    scene: of the textured mesh. gain [3]: multiplies the photo's colours. rng: what draws. device: where the answer lies.
    """
    mesh, (h, w) = scene.mesh, photo.camera.size_hw
    assert mesh.uvs is not None and mesh.texture is not None
    clear = cv2.resize(_is_clear(photo.depth).astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST) > 0
    chosen = np.flatnonzero(clear & photo.is_valid)
    if len(chosen) > n_most:
        chosen = np.sort(rng.choice(chosen, n_most, replace=False))
    hits, cosine = scene.look(photo.camera, photo.world_from_camera, chosen)
    seen = np.flatnonzero(hits.is_hit & (cosine > _MIN_COSINE))
    u, v = hits.barycentric[seen, :1], hits.barycentric[seen, 1:]
    corners = mesh.uvs[mesh.faces[hits.faces[seen]]]
    texels, shares = texture_taps(
        (1 - u - v) * corners[:, 0] + u * corners[:, 1] + v * corners[:, 2], mesh.texture.shape[:2]
    )
    color, weight = photo.color.reshape(-1, 3)[chosen[seen]], np.sqrt(cosine[seen]).astype(np.float32)
    tensors = [torch.from_numpy(array).to(device) for array in (texels, shares, color, gain, weight)]
    return SeenTexels(mesh.texture.shape[1], *tensors)


def _is_clear(depth: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels [h, w] that see the surface and lie off its edges, where a photo may already show what is behind.

    1 / depth is linear in the picture on a plane, however steep; next to an edge it is not.
    """
    nearness = np.where(depth > 0, 1 / np.maximum(depth, 1e-12), 0).astype(np.float32)
    bend = np.zeros_like(nearness)
    for kernel in (np.array([[1.0, 0, -2, 0, 1]]), np.array([[1.0], [0], [-2], [0], [1]])):
        bend = np.maximum(bend, np.abs(cv2.filter2D(nearness, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)))
    return (depth > 0) & (cv2.dilate(bend, np.ones((3, 3), np.uint8)) < _EDGE * nearness)
