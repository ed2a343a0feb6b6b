"""What the field says of depths: all over, of an object that is cut out, or only where pictures and sensor are silent."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry import Evidence, Reconstruction
from recon.mesh.agreement import drop_behind, keep_agreed
from recon.mesh.depth_maps import MAX_FREE, DepthMap, render_depth_maps
from recon.mesh.settings import MeshSettings
from recon.mesh.viewpoints import Viewpoint, choose_viewpoints, small_pinhole
from recon.render.views import RenderPartFn
from recon.workspace.console import say

_SILENT = 0.02  # share of a picture that matching and sensor must leave open for the field to be asked
_HALF = 0.5  # of the light: a depth is where it is left along a ray, an outline where it is across a picture
_AROUND = 3  # pixels round a silent one that decide whether its depth is trusted: medians, jumps, normals


def field_all_over(
    reconstruction: Reconstruction, render_view_fn: RenderPartFn, settings: MeshSettings
) -> tuple[list[DepthMap], float]:
    """The field's depths from places that cover the capture, where views agree; and the share of them that do."""
    rendered = _rendered_all_over(reconstruction, render_view_fn, settings, max_free=MAX_FREE)
    return _agreeing(rendered, settings)


def field_of_object(
    reconstruction: Reconstruction, render_view_fn: RenderPartFn, settings: MeshSettings
) -> tuple[list[DepthMap], float]:
    """All that the field shows of an object cut out of its pictures, and the share of its depths that views agree on.

    It has neither fog nor floaters: every picture says where nothing stands. What few views see, at a grazing angle or between
    other parts, would be lost by asking for agreement; and each pixel is either the object's or free.
    """
    settings = replace(settings, min_opacity=_HALF, min_cosine=0)
    rendered = _rendered_all_over(reconstruction, render_view_fn, settings, max_free=_HALF)
    of_object = [replace(view, evidence=np.full_like(view.evidence, Evidence.CUT_OUT)) for view in rendered]
    return of_object, _agreeing(of_object, settings)[1]


def field_where_silent(
    maps: Sequence[DepthMap],
    far: float,
    reconstruction: Reconstruction,
    render_view_fn: RenderPartFn,
    settings: MeshSettings,
) -> list[DepthMap]:
    """The field's depths from the same places, only where their maps say nothing and no other view says otherwise."""
    places = _by_place(maps)
    silent = [np.logical_and.reduce([_is_silent(m, settings.field_max_side) for m in place]) for place in places]
    asked = [i for i, mask in enumerate(silent) if mask.mean() > _SILENT]
    if not asked:
        return []
    first = [places[i][0].viewpoint for i in asked]
    viewpoints = [
        Viewpoint(small_pinhole(view.camera, settings.field_max_side), view.world_from_camera) for view in first
    ]
    around = np.ones((2 * _AROUND + 1, 2 * _AROUND + 1), np.uint8)
    wanted = [cv2.dilate(silent[i].astype(np.uint8), around) > 0 for i in asked]
    rendered = _rendered(reconstruction, viewpoints, render_view_fn, settings, far, wanted)
    field = [
        replace(
            view,
            depth=np.where(silent[i], view.depth, 0).astype(np.float32),
            is_free=view.is_free & silent[i],
            weight=np.full_like(view.depth, settings.field_weight),
        )
        for i, view in zip(asked, rendered, strict=True)
    ]
    agreed = _agreed([*field, *maps], len(field), settings)
    return drop_behind(
        agreed,
        maps,
        n_judges=settings.neighbours,
        least=settings.min_agreeing,
        tolerance=settings.agreement,
    )


def _by_place(maps: Sequence[DepthMap]) -> list[list[DepthMap]]:
    """The maps of each picture together, in the order of the first of each."""
    places: dict[bytes, list[DepthMap]] = {}
    for view in maps:
        places.setdefault(view.viewpoint.world_from_camera.tobytes(), []).append(view)
    return list(places.values())


def _is_silent(view: DepthMap, max_side: int) -> NDArray[np.bool_]:
    """Where a map neither knows a surface nor looks through, at the size the field is rendered."""
    h, w = small_pinhole(view.viewpoint.camera, max_side).size_hw
    speaks = ((view.depth > 0) | view.is_free).astype(np.float32)
    return cv2.resize(speaks, (w, h), interpolation=cv2.INTER_AREA) < 0.5


def _rendered_all_over(
    reconstruction: Reconstruction, render_view_fn: RenderPartFn, settings: MeshSettings, *, max_free: float
) -> list[DepthMap]:
    """Rendered depth maps from places that cover the capture; `max_free`: `_rendered`."""
    viewpoints = choose_viewpoints(reconstruction, n_views=settings.fusion_views, max_side=settings.fusion_max_side)
    return _rendered(reconstruction, viewpoints, render_view_fn, settings, settings.max_depth, max_free=max_free)


def _agreeing(rendered: list[DepthMap], settings: MeshSettings) -> tuple[list[DepthMap], float]:
    """The maps where views agree, and the share of their depths that is; said aloud."""
    agreed = _agreed(rendered, len(rendered), settings)
    n_before, n_after = (sum(int((view.depth > 0).sum()) for view in maps) for maps in (rendered, agreed))
    share = n_after / max(n_before, 1)
    say(f"mesh: {share:.0%} of the field's depths agree between {len(agreed)} views")
    return agreed, share


def _agreed(maps: Sequence[DepthMap], n_judged: int, settings: MeshSettings) -> list[DepthMap]:
    """The first maps, only where enough of all agree with them."""
    return keep_agreed(
        maps,
        n_judged=n_judged,
        n_neighbours=settings.neighbours,
        min_agreeing=settings.min_agreeing,
        tolerance=settings.agreement,
    )


def _rendered(
    reconstruction: Reconstruction,
    viewpoints: Sequence[Viewpoint],
    render_view_fn: RenderPartFn,
    settings: MeshSettings,
    max_depth: float | None,
    wanted: Sequence[NDArray[np.bool_]] | None = None,
    max_free: float = MAX_FREE,
) -> list[DepthMap]:
    """Rendered depth maps of viewpoints, each whole or in its pixels `wanted` [h, w], judged as the settings (conf/mesh) say.

    reconstruction, max_depth, max_free: `render_depth_maps`; render_view_fn: what the viewpoints see of the field.
    """
    return render_depth_maps(
        viewpoints,
        render_view_fn,
        wanted=wanted,
        reconstruction=reconstruction,
        max_depth=max_depth,
        min_opacity=settings.min_opacity,
        max_free=max_free,
        max_jump=settings.max_jump,
        min_cosine=settings.min_cosine,
    )[0]
