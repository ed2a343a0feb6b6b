"""Scale from printed square markers (ArUco, AprilTag) of a known side that lie in the scene.

Each marker is one square in space (centre, turn, side) fitted to its corners in all pictures that show it; the side in
world units against the side in metres is the scale. Boards count marker by marker: the gaps between are not used.
"""

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np

from recon.formats.photos import read_pixels
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array
from recon.poses.world_frame.scale.marker_corners import refine_corners
from recon.poses.world_frame.scale.marker_dictionaries import AUTO, dictionary
from recon.poses.world_frame.scale.marker_square import MIN_VIEWS, MarkerSide, Sighting, combine, fit_square
from recon.poses.world_frame.scale.measurement import Measurement
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.workspace.console import progress
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

_MAX_TRIAL_VIEWS = 40  # to find the dictionary
# White spreads into black in lens and sensor, at all edges alike and so in all markers: no mean takes it away.
_EDGE_BIAS_PX = 0.1


def measure_markers(
    reconstruction: Reconstruction, settings: ScaleSettings, *, position_error: float
) -> Measurement | None:
    """Metres of one world unit from all markers of side `marker_m`; None when that is not set.

    position_error: one sigma of a camera centre in world units.
    Raises `UserError` when no marker is seen well enough in three pictures.
    """
    if settings.marker_m is None:
        return None
    name, sightings = find_markers(reconstruction.views, settings.marker_dictionary)
    fitted = [fit_square(marker, seen, position_error=position_error) for marker, seen in sorted(sightings.items())]
    sides = [side for side in fitted if isinstance(side, MarkerSide)]
    refused = [reason for reason in fitted if isinstance(reason, str)]
    if not sides:
        raise UserError(_nothing_found(settings, name, refused))
    side, relative_error = combine(sides)
    bias = 2 * _EDGE_BIAS_PX / float(np.median([s.side_px for s in sides]))
    ids = [str(s.marker) for s in sides]
    listed = ", ".join(ids[:6]) + (f" and {len(ids) - 6} more" if len(ids) > 6 else "")
    return Measurement(
        "markers",
        settings.marker_m / side,
        float(np.linalg.norm([relative_error, bias, settings.marker_error_m / settings.marker_m])),
        f"{'marker' if len(ids) == 1 else 'markers'} {name} {listed}, side {settings.marker_m:g} m given, "
        f"seen in {sum(s.n_views for s in sides)} pictures",
    )


def find_markers(views: Sequence[View], dictionary_name: str) -> tuple[str, dict[int, list[Sighting]]]:
    """The dictionary used and every marker's sightings; `auto` takes the dictionary that finds the most."""
    existing = [view for view in views if is_file(view.image)]
    if dictionary_name == "auto":
        places = np.unique(np.linspace(0, len(existing) - 1, min(len(existing), _MAX_TRIAL_VIEWS)).astype(int))
        counts = _count_by_dictionary([existing[place] for place in places])
        dictionary_name = max(AUTO, key=lambda name: counts[name])
    detector = _detector(dictionary_name)
    sightings: dict[int, list[Sighting]] = {}
    with progress("looking for markers", len(existing)) as bar:
        for view in existing:
            for marker, corners in _detect(detector, _gray(view)):
                sightings.setdefault(marker, []).append(Sighting(view, corners))
            bar.advance()
    return dictionary_name, sightings


# ---- detection -----------------------------------------------------------------------------------------------------


def _detector(name: str) -> cv2.aruco.ArucoDetector:
    return cv2.aruco.ArucoDetector(dictionary(name), cv2.aruco.DetectorParameters())


def _gray(view: View) -> np.ndarray:
    """The picture in grey, uint8 [h, w]."""
    return cv2.cvtColor(np.ascontiguousarray(read_pixels(view)[..., :3]), cv2.COLOR_RGB2GRAY)


def _detect(detector: cv2.aruco.ArucoDetector, gray: np.ndarray) -> list[tuple[int, Array]]:
    """(id, corners [4, 2]) in one picture. An id that appears twice is two sheets: neither can be told apart."""
    corners, ids, _ = detector.detectMarkers(gray)
    if ids is None:
        return []
    counts = Counter(int(marker) for marker in ids.ravel())
    n_modules = detector.getDictionary().markerSize + 2
    found = [(int(m), c.reshape(4, 2).astype(np.float64)) for m, c in zip(ids.ravel(), corners, strict=True)]
    # OpenCV counts pixels from the centre of the first.
    return [(m, refine_corners(gray, c, n_modules=n_modules) + 0.5) for m, c in found if counts[m] == 1]


def _count_by_dictionary(views: Sequence[View]) -> Counter[str]:
    """Sightings of markers that at least three pictures show, by dictionary: chance finds one code once."""
    detectors = {name: _detector(name) for name in AUTO}
    by_marker: Counter[tuple[str, int]] = Counter()
    with progress("which markers", len(views)) as bar:
        for view in views:
            gray = _gray(view)
            for name, detector in detectors.items():
                by_marker.update((name, marker) for marker, _ in _detect(detector, gray))
            bar.advance()
    counts: Counter[str] = Counter()
    for (name, _), count in by_marker.items():
        counts[name] += count if count >= MIN_VIEWS else 0
    return counts


def _nothing_found(settings: ScaleSettings, name: str, refused: Sequence[object]) -> str:
    tried = f"any of {', '.join(AUTO)}" if settings.marker_dictionary == "auto" else name
    why = f" Seen, but of no use: {'; '.join(str(reason) for reason in refused[:4])}." if refused else ""
    return (
        f"scale.marker_m={settings.marker_m:g}: no marker of {tried} is seen well in {MIN_VIEWS} pictures.{why} Lay the "
        "printed sheet flat in view, film it from several sides at 30 pixels per side or more, set "
        "scale.marker_dictionary, or set scale.marker_m=null."
    )
