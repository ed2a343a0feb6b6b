"""Held-out views, small, that are shown and scored while a field is trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from recon.formats.images import fit_within
from recon.formats.photos import Photo, read_photo
from recon.geometry import View
from recon.render.views import RenderedView, RenderViewFn

MOST = 2  # views
SAMPLES = 3  # rays of a pixel, across and down, at most


@dataclass(frozen=True)
class Preview:
    """A photo made small, and as how many rays, across and down, a view of the field is made as small.

    The small photo's pixel is the mean of many; one ray would jump between them, more so the sharper the field becomes, and the
    score would fall while the field gets better.
    """

    photo: Photo
    samples: int

    def rendered(self, render_view_fn: RenderViewFn) -> RenderedView:
        """The same view of a field."""
        camera, (h, w) = self.photo.view.camera, self.photo.view.camera.size_hw
        fine = camera.resized((self.samples * h, self.samples * w))
        return render_view_fn(fine, self.photo.view.world_from_camera).shrunk(self.samples)


def previews_of(views: Sequence[View], size: int) -> list[Preview]:
    """At most two of the views, at most `size` pixels on their longer side."""
    return [_preview(view, size) for view in views[:: max(len(views) // MOST, 1)][:MOST]]


def _preview(view: View, size: int) -> Preview:
    photo = read_photo(view, fit_within(view.camera.size_hw, size))
    shrink = max(view.camera.size_hw) / max(photo.view.camera.size_hw)
    return Preview(photo, min(SAMPLES, max(1, round(shrink))))
