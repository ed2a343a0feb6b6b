"""The depth maps that are fused: matched depths, a sensor's, and the field's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from recon.formats.photos import is_cut_out
from recon.geometry import MatchedView, Reconstruction
from recon.mesh.agreement import drop_outvoted
from recon.mesh.depth_maps import DepthMap, far_end
from recon.mesh.extraction import no_surface
from recon.mesh.field_maps import field_all_over, field_of_object, field_where_silent
from recon.mesh.matched_maps import matched_map
from recon.mesh.sensor_maps import sensor_map
from recon.mesh.settings import MeshSettings
from recon.mesh.viewpoints import farthest_poses, training_views, typical_distance
from recon.pixels import SensorView
from recon.pixels.sensor_depth import LEAST_ERROR
from recon.render.views import RenderPartFn
from recon.workspace.console import say, warn

# Of a sensor's error: what is left of it, with margin, once planes have averaged it over its neighbours
_STEADIED = 0.5
_FEW = 0.3  # of the field's depths that views agree on: below it something is wrong with it
_Posed = TypeVar("_Posed", MatchedView, SensorView)


@dataclass(frozen=True)
class TrustedDepths:
    """What a surface is made of."""

    maps: Sequence[DepthMap]
    far: float  # world units: nothing deeper is meshed
    is_object: bool  # cut out of its pictures: the field alone is fused


def trusted_depths(
    reconstruction: Reconstruction,
    matched_views: Iterable[MatchedView],
    sensor_views: Sequence[SensorView],
    render_view_fn: RenderPartFn,
    settings: MeshSettings,
) -> TrustedDepths:
    """All maps to fuse, and the far end of the scene.

    Matched depths come first, and the field speaks where they are silent. Of an object that is cut out the field alone does:
    outlines teach it where nothing stands, and a matcher's windows straddle what is thin and slide on what is plain.
    """
    matched = _spread(list(matched_views), reconstruction, settings)
    sensors = _spread(sensor_views, reconstruction, settings)
    is_object = not sensors and is_cut_out(training_views(reconstruction))
    if is_object or not (matched or sensors):
        return _field_alone(reconstruction, render_view_fn, settings, is_object=is_object)
    far = settings.max_depth or far_end(reconstruction, [v.depth for v in matched] + [v.depth for v in sensors])
    maps = [
        matched_map(view, far=far, max_jump=settings.max_jump, max_side=settings.matched_max_side) for view in matched
    ]
    sensed = [sensor_map(view, far=far, settings=settings) for view in sensors]
    if maps:
        say(f"mesh: {_known_share(maps):.0%} of the pixels of {len(maps)} pictures are matched or sky")
    if sensed:
        say(f"mesh: {_known_share(sensed):.0%} of the pixels of {len(sensed)} pictures are measured by a sensor")
        error = sensors[0].error
        maps = drop_outvoted(
            maps,
            sensed,
            n_neighbours=settings.neighbours,
            tolerance=max(settings.agreement, 3 * error),
            of_planes=max(LEAST_ERROR, _STEADIED * error),
        )
    maps += sensed
    maps += field_where_silent(maps, far, reconstruction, render_view_fn, settings)
    return TrustedDepths(maps, far, is_object=False)


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


def _field_alone(
    reconstruction: Reconstruction, render_view_fn: RenderPartFn, settings: MeshSettings, *, is_object: bool
) -> TrustedDepths:
    """Nothing was matched: what the field's views agree on, or all that they show of an object; and its far end."""
    see = field_of_object if is_object else field_all_over
    maps, agreed = see(reconstruction, render_view_fn, settings)
    n_known = sum(int((view.depth > 0).sum()) for view in maps)
    if n_known < 100:
        raise no_surface(f"{n_known} pixels in {len(maps)} views, {agreed:.0%} of those with a depth")
    far = settings.max_depth or far_end(reconstruction, [view.depth for view in maps])
    if agreed < _FEW:
        harm = "the surface will be ragged" if is_object else "parts will be missing"
        warn(
            f"mesh: only {agreed:.0%} of the depths agree between views, so {harm}. "
            "Train longer (train.max_seconds), or loosen mesh.agreement."
        )
    weight = 1 if is_object else settings.field_weight
    return TrustedDepths([view.weighing(weight) for view in maps], far, is_object)
