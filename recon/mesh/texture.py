"""Colours for the surface: blended from the photos that see it best, or asked of the field.

Photos are sharper than the field. Each face takes its best few photos; the weight of a photo is how much it beats the best
photo not taken, so weights fall to zero before a photo drops out, and faces that meet agree on it where they meet, so seams
do not show (the continuity rule of unstructured lumigraphs, Buehler et al. 2001). One gain per photo and channel evens
exposure differences; photos whose colour is far from the median on a face (something stood in front, the pose is off) count
little.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry import TriangleMesh
from recon.kernels.painting import sample_image
from recon.mesh.atlas import Atlas, SurfaceSamples, texel_samples
from recon.mesh.blending import ShownBy, at_corners, blend
from recon.mesh.coverage import face_centers, face_scores
from recon.mesh.photos import PhotoWithDepth, project
from recon.workspace.console import progress

SurfaceColorFn = Callable[[NDArray, NDArray], NDArray]  # (positions [n, 3], unit directions [n, 3]) -> [n, 3] in [0, 1]

_CHUNK = 1 << 18  # samples per call of color_fn
_MIN_COSINE = 0.05  # a photo at a grazing angle is used where there is none better
_OUTLIER = 0.15  # difference of colour from the face's median at which a photo's weight has fallen to 1 / e


@dataclass(frozen=True)
class Painter:
    """Everything that decides a sample's colour."""

    faces: NDArray[np.int32]  # [f, 3] of the mesh that is painted
    photos: Sequence[PhotoWithDepth]
    scores: NDArray[np.float32]  # [photos, faces] how well a photo sees a face, outliers lowered; 0: not at all
    fineness: NDArray[np.float32]  # [faces] pixels along a world unit in the photo that shows a face best; 0: none does
    gains: NDArray[np.float32]  # [photos, 3] multiply a photo's colours
    color_fn: SurfaceColorFn
    views_per_texel: int
    occlusion_margin_px: int
    tolerance: float  # world units
    device: torch.device  # what blends the photos

    def paint(self, samples: SurfaceSamples) -> NDArray[np.float32]:
        """Colours [n, 3] in [0, 1]: each face's best photos; what they miss, any photo that sees it; then the field."""
        colors = np.zeros((len(samples), 3), np.float32)
        careful = [photo.with_margin(self.occlusion_margin_px) for photo in self.photos]
        left = np.arange(len(samples))
        for photos, (scores, floors) in (
            (careful, take_best(self.scores, self.views_per_texel)),
            (self.photos, (self.scores, np.zeros(self.scores.shape[1], np.float32))),
        ):
            part = samples[left]
            wins = np.where(scores > 0, np.maximum(scores - floors, 1e-3 * scores), 0).astype(np.float32)
            shown = ShownBy.at(at_corners(wins, self.faces), self.scores > 0, self.faces)
            total, weights = blend(photos, shown, self.gains, part, tolerance=self.tolerance, device=self.device)
            painted = weights > 0
            colors[left[painted]] = total[painted] / weights[painted, None]
            left = left[~painted]
        rest = samples[left]
        colors[left] = ask_field(self.color_fn, rest, -rest.normals)
        return np.clip(colors, 0, 1)


def make_painter(
    mesh: TriangleMesh,
    photos: Sequence[PhotoWithDepth],
    color_fn: SurfaceColorFn,
    *,
    views_per_texel: int,
    occlusion_margin_px: int,
    tolerance: float,
    device: torch.device,
) -> Painter:
    """Score the photos on every face, even their exposures, and lower the scores of outliers.

    Args:
        mesh: what is painted; photos: with the depth of this mesh in each.
        color_fn: the field's colours, where no photo shows a place.
        views_per_texel: how many photos are blended on each face.
        occlusion_margin_px: pixels kept away from edges that hide something behind them.
        tolerance: how far behind the mesh's own depth a place may lie and still be seen, world units.
        device: what blends the photos.
    """
    scores = face_scores(mesh, photos, min_cosine=_MIN_COSINE, tolerance=tolerance)
    fineness = np.sqrt(scores.max(0))
    centers = face_centers(mesh)
    colors = np.full((len(photos), len(centers), 3), np.nan, np.float32)
    for photo, row in zip(photos, colors, strict=True):
        projection = project(centers.positions, photo, tolerance=tolerance)
        seen = np.flatnonzero(projection.is_visible)
        row[seen] = sample_image(torch.from_numpy(photo.color), torch.from_numpy(projection.pixels[seen])).numpy()
    gains = even_exposures(colors)
    scores *= agreement_with_median(colors * gains[:, None])
    return Painter(
        mesh.faces, photos, scores, fineness, gains, color_fn, views_per_texel, occlusion_margin_px, tolerance, device
    )


def take_best(scores: NDArray[np.float32], n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scores [v, f] with all but the best n of each face zeroed, and the best score left out [f]."""
    if len(scores) <= n:
        return scores, np.zeros(scores.shape[1], np.float32)
    floors = np.partition(scores, len(scores) - n - 1, axis=0)[len(scores) - n - 1]
    return np.where(scores > floors, scores, 0), floors


def even_exposures(colors: NDArray[np.float32], *, n_rounds: int = 3) -> NDArray[np.float32]:
    """Gains [v, 3] that bring the photos' colours [v, f, 3] (NaN: not seen) of the same faces together.

    Alternates the faces' median colour and each photo's median ratio to it; the mean log gain stays 0, and no photo is
    changed by more than a factor of two. Faces too dark or too bright to compare are left out.
    """
    step = max(1, colors.shape[1] // 20_000)
    sample = colors[:, ::step]
    sample = np.where((sample > 0.04) & (sample < 0.96), sample, np.nan)
    gains = np.ones((len(colors), 3), np.float32)
    for _ in range(n_rounds):
        reference = _nanmedian(sample * gains[:, None])
        ratio = np.log(reference) - np.log(sample)
        ratio[:, np.isfinite(sample).all(-1).sum(0) < 2] = np.nan  # a face seen once says nothing
        log_gains = np.stack([_nanmedian(row) for row in ratio])
        log_gains = np.where(np.isfinite(log_gains), log_gains, 0)
        gains = np.exp(np.clip(log_gains - log_gains.mean(0), -np.log(2), np.log(2))).astype(np.float32)
    return gains


def agreement_with_median(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Factors [v, f] in (0, 1] for colours [v, f, 3]: low where three or more photos see a face and one is off."""
    factors = np.ones(colors.shape[:2], np.float32)
    for start in range(0, colors.shape[1], 20_000):  # the median copies its input
        part = colors[:, start : start + 20_000]
        difference = np.abs(part - _nanmedian(part)).max(-1)
        factor = np.exp(-((difference / _OUTLIER) ** 2))
        enough = np.isfinite(part[..., 0]).sum(0) >= 3
        factors[:, start : start + 20_000] = np.where(enough & np.isfinite(factor), factor, 1)
    return np.maximum(factors, 1e-4)


def ask_field(color_fn: SurfaceColorFn, samples: SurfaceSamples, directions: NDArray) -> NDArray[np.float32]:
    """The field's colours [n, 3] at samples seen along unit directions [n, 3], with progress."""
    colors = np.zeros((len(samples), 3), np.float32)
    if not len(samples):
        return colors
    with progress("mesh: field colours", len(samples)) as bar:
        for start in range(0, len(samples), _CHUNK):
            part = slice(start, min(start + _CHUNK, len(samples)))
            colors[part] = color_fn(samples.positions[part], directions[part])
            bar.advance(part.stop - part.start)
    return np.clip(np.nan_to_num(colors), 0, 1)


def field_paint(painter: Painter, samples: SurfaceSamples) -> NDArray[np.float32]:
    """The field's colours [n, 3], each seen from the photo that sees its face best (where the field was trained)."""
    best = painter.scores.argmax(0)[samples.faces]
    is_seen = painter.scores.max(0)[samples.faces] > 0
    centers = np.stack([photo.center for photo in painter.photos])[best]
    towards = samples.positions - centers
    towards /= np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-12)
    directions = np.where(is_seen[:, None], towards, -samples.normals)
    return ask_field(painter.color_fn, samples, directions.astype(np.float32))


def bake(
    mesh: TriangleMesh, atlas: Atlas, paint: Callable[[SurfaceSamples], NDArray], *, texture_size: int
) -> TriangleMesh:
    """The textured mesh: every texel in a chart painted, the gaps filled with the nearest chart's colour."""
    from scipy.ndimage import distance_transform_edt

    samples, texels = texel_samples(mesh, atlas, texture_size)
    texture = np.zeros((texture_size * texture_size, 3), np.uint8)
    texture[texels] = np.round(paint(samples) * 255)
    is_empty = np.ones(texture_size * texture_size, bool)
    is_empty[texels] = False
    shape = (texture_size, texture_size)
    rows, columns = distance_transform_edt(is_empty.reshape(shape), return_distances=False, return_indices=True)
    texture = texture.reshape(*shape, 3)[rows, columns]
    return TriangleMesh(mesh.vertices[atlas.source_vertex], atlas.faces, uvs=atlas.uvs, texture=texture)


def _nanmedian(values: NDArray) -> NDArray:
    """Median over the first axis without NaN; NaN where all are, without numpy's warning."""
    ordered = np.sort(values, axis=0)  # NaN last
    n = np.isfinite(values).sum(0)
    low, high = np.maximum((n - 1) // 2, 0), np.minimum(n // 2, len(values) - 1)
    pick = np.take_along_axis
    median = (pick(ordered, low[None], 0) + pick(ordered, high[None], 0))[0] / 2
    return np.where(n > 0, median, np.nan)
