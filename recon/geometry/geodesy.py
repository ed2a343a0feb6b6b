"""Places on the Earth: WGS84 latitude, longitude, height <-> local metres east, north, up (ENU)."""

from dataclasses import dataclass, replace

import numpy as np

from recon.geometry.transforms import Array, Similarity

_SEMI_MAJOR_M = 6378137.0
_FLATTENING = 1 / 298.257223563
_ECCENTRICITY_2 = _FLATTENING * (2 - _FLATTENING)


@dataclass(frozen=True)
class GpsFix:
    """Where a receiver says it is."""

    latitude_deg: float
    longitude_deg: float
    altitude_m: float | None  # None where the receiver gives none

    def __post_init__(self) -> None:
        numbers = (self.latitude_deg, self.longitude_deg, self.altitude_m or 0.0)
        if not np.isfinite(numbers).all() or abs(self.latitude_deg) > 90 or abs(self.longitude_deg) > 180:
            raise ValueError(f"not a place on the Earth: {self}")


@dataclass(frozen=True)
class Geo:
    """How the world lies on the Earth: `enu_from_world` leads to metres east, north and up of the anchor."""

    latitude_deg: float  # of the anchor, WGS84
    longitude_deg: float
    altitude_m: float | None  # above the ellipsoid or the sea, as the receiver counts; None: unknown, up is from 0
    enu_from_world: Similarity
    position_error_m: float  # one sigma of the placement, east and north
    heading_error_deg: float  # one sigma of the turn about up

    def transformed(self, new_from_world: Similarity) -> "Geo":
        """The same placement of another world frame."""
        return replace(self, enu_from_world=self.enu_from_world @ new_from_world.inverse())


def enu_from_fixes(fixes: list[GpsFix], anchor: GpsFix) -> Array:
    """Metres east, north, up of `anchor` [n, 3]; up is NaN where a height is unknown (the anchor's counts as 0 then)."""
    places = np.stack([_ecef(fix.latitude_deg, fix.longitude_deg, _height(fix, anchor)) for fix in fixes])
    origin = _ecef(anchor.latitude_deg, anchor.longitude_deg, anchor.altitude_m or 0.0)
    enu = (places - origin) @ _enu_axes(anchor).T
    enu[[fix.altitude_m is None for fix in fixes], 2] = np.nan
    return enu


def fix_from_enu(enu: Array, anchor: GpsFix) -> GpsFix:
    """The place [3] metres east, north, up of `anchor` (Bowring's method, iterated: nanometres)."""
    x, y, z = _ecef(anchor.latitude_deg, anchor.longitude_deg, anchor.altitude_m or 0.0) + _enu_axes(anchor).T @ enu
    across = np.hypot(x, y)
    latitude = np.arctan2(z, across * (1 - _ECCENTRICITY_2))
    for _ in range(6):
        normal = _SEMI_MAJOR_M / np.sqrt(1 - _ECCENTRICITY_2 * np.sin(latitude) ** 2)
        latitude = np.arctan2(z + _ECCENTRICITY_2 * normal * np.sin(latitude), across)
    sine, cosine = np.sin(latitude), np.cos(latitude)
    normal = _SEMI_MAJOR_M / np.sqrt(1 - _ECCENTRICITY_2 * sine**2)
    height = across * cosine + z * sine - normal * (1 - _ECCENTRICITY_2 * sine**2)  # stable at the poles too
    altitude = None if anchor.altitude_m is None else float(height)
    return GpsFix(float(np.degrees(latitude)), float(np.degrees(np.arctan2(y, x))), altitude)


def _height(fix: GpsFix, anchor: GpsFix) -> float:
    return fix.altitude_m if fix.altitude_m is not None else anchor.altitude_m or 0.0


def _ecef(latitude_deg: float, longitude_deg: float, height_m: float) -> Array:
    """Earth-centred, Earth-fixed metres [3]."""
    latitude, longitude = np.radians(latitude_deg), np.radians(longitude_deg)
    normal = _SEMI_MAJOR_M / np.sqrt(1 - _ECCENTRICITY_2 * np.sin(latitude) ** 2)
    across = (normal + height_m) * np.cos(latitude)
    return np.array(
        [
            across * np.cos(longitude),
            across * np.sin(longitude),
            (normal * (1 - _ECCENTRICITY_2) + height_m) * np.sin(latitude),
        ]
    )


def _enu_axes(anchor: GpsFix) -> Array:
    """Rows east, north, up [3, 3] in Earth-centred axes."""
    latitude, longitude = np.radians(anchor.latitude_deg), np.radians(anchor.longitude_deg)
    sin_lat, cos_lat, sin_lon, cos_lon = np.sin(latitude), np.cos(latitude), np.sin(longitude), np.cos(longitude)
    return np.array(
        [
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        ]
    )
