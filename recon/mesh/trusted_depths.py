"""The depth maps that are fused: matched depths, a sensor's, and the field's where both are silent."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry import MatchedView, Reconstruction
from recon.mesh.agreement import drop_outvoted, keep_agreed
from recon.mesh.depth_maps import DepthMap, far_end, render_depth_maps
from recon.mesh.extraction import no_surface
from recon.mesh.matched_maps import matched_map
from recon.mesh.sensor_maps import sensor_map
from recon.mesh.settings import MeshSettings
from recon.mesh.viewpoints import Viewpoint, choose_viewpoints, farthest_poses, small_pinhole, typical_distance
from recon.pixels import SensorView
from recon.render.views import RenderPartFn
from recon.workspace.console import say, warn

_SILENT = 0.02  # share of a picture that matching and sensor must leave open for the field to be asked
_AROUND = 3  # pixels round a silent one that decide whether its depth is trusted: medians, jumps, normals
_Posed = TypeVar("_Posed", MatchedView, SensorView)


def trusted_depths(
    reconstruction: Reconstruction,
    matched_views: Iterable[MatchedView],
    sensor_views: Sequence[SensorView],
    render_view_fn: RenderPartFn,
    settings: MeshSettings,
) -> tuple[list[DepthMap], float]:
    """All maps to fuse, and the far end of the scene."""
    matched = _spread(list(matched_views), reconstruction, settings)
    sensors = _spread(sensor_views, reconstruction, settings)
    if not matched and not sensors:
        return _field_alone(reconstruction, render_view_fn, settings)
    far = settings.max_depth or far_end(reconstruction, [v.depth for v in matched] + [v.depth for v in sensors])
    maps = [matched_map(v, far=far, max_jump=settings.max_jump, max_side=settings.matched_max_side) for v in matched]
    sensed = [sensor_map(view, far=far, settings=settings) for view in sensors]
    if maps:
        say(f"mesh: {_known_share(maps):.0%} of the pixels of {len(maps)} pictures are matched or sky")
    if sensed:
        say(f"mesh: {_known_share(sensed):.0%} of the pixels of {len(sensed)} pictures are measured by a sensor")
        tolerance = max(settings.agreement, 3 * sensors[0].error)
        maps = drop_outvoted(maps, sensed, n_neighbours=settings.neighbours, tolerance=tolerance)
    maps += sensed
    return maps + _field_where_silent(maps, far, reconstruction, render_view_fn, settings), far


def _known_share(maps: Sequence[DepthMap]) -> float:
    known = sum(int((view.depth > 0).sum() + view.is_free.sum()) for view in maps)
    return known / sum(view.depth.size for view in maps)


def _spread(views: Sequence[_Posed], reconstruction: Reconstruction, settings: MeshSettings) -> Sequence[_Posed]:
    """At most `fusion_views` of the views, spread over the capture."""
    if len(views) <= settings.fusion_views:
        return views
    poses = np.stack([view.world_from_camera for view in views])
    distance = typical_distance(reconstruction)
    return [views[i] for i in farthest_poses(poses, settings.fusion_views, distance=distance)]


def _field_where_silent(
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
    everything = [*field, *maps]
    return keep_agreed(
        everything,
        n_judged=len(field),
        n_neighbours=settings.neighbours,
        min_agreeing=settings.min_agreeing,
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


def _field_alone(
    reconstruction: Reconstruction, render_view_fn: RenderPartFn, settings: MeshSettings
) -> tuple[list[DepthMap], float]:
    """Nothing was matched: the field's depths from places that cover the capture, where views agree."""
    viewpoints = choose_viewpoints(reconstruction, n_views=settings.fusion_views, max_side=settings.fusion_max_side)
    maps = _rendered(reconstruction, viewpoints, render_view_fn, settings, settings.max_depth)
    far = settings.max_depth or far_end(reconstruction, [view.depth for view in maps])
    n_before = sum(int((view.depth > 0).sum()) for view in maps)
    if n_before == 0:
        raise no_surface(f"{len(maps)} views, no pixel opaque enough")
    maps = keep_agreed(
        maps,
        n_judged=len(maps),
        n_neighbours=settings.neighbours,
        min_agreeing=settings.min_agreeing,
        tolerance=settings.agreement,
    )
    n_after = sum(int((view.depth > 0).sum()) for view in maps)
    if n_after < 100:
        raise no_surface(f"{n_after} of {n_before} pixels in {len(maps)} views")
    say(f"mesh: {n_after / n_before:.0%} of the field's depths agree between {len(maps)} views; up to {far:.3g} units")
    if n_after < 0.3 * n_before:
        warn(
            f"mesh: only {n_after / n_before:.0%} of the depths agree between views, so parts will be missing. "
            "Train longer (train.max_seconds), or loosen mesh.agreement."
        )
    return [replace(view, weight=np.full_like(view.depth, settings.field_weight)) for view in maps], far


def _rendered(
    reconstruction: Reconstruction,
    viewpoints: Sequence[Viewpoint],
    render_view_fn: RenderPartFn,
    settings: MeshSettings,
    max_depth: float | None,
    wanted: Sequence[NDArray[np.bool_]] | None = None,
) -> list[DepthMap]:
    """Rendered depth maps of viewpoints, each whole or in its pixels `wanted` [h, w], judged as the settings (conf/mesh) say.

    reconstruction, max_depth: `render_depth_maps`; render_view_fn: what the viewpoints see of the field.
    """
    return render_depth_maps(
        viewpoints,
        render_view_fn,
        wanted=wanted,
        reconstruction=reconstruction,
        max_depth=max_depth,
        min_opacity=settings.min_opacity,
        max_jump=settings.max_jump,
        min_cosine=settings.min_cosine,
    )[0]
