"""As few convex parts as cover a surface: chosen among those found, then joined and taken over by one another."""

from recon.export.absorbing import Absorber
from recon.export.convex_parts import Decomposition
from recon.export.cover import Cover
from recon.export.covering import Skin, needed
from recon.export.regrouping import Regrouper
from recon.export.strays import Strays
from recon.geometry.mesh import TriangleMesh

_ROUNDS = 4  # at most: the last ones find little


def fewest(found: Decomposition, built: list[TriangleMesh], skin: Skin, strays: Strays) -> Decomposition:
    """The parts of a decomposition that cover a skin beside those `built` already, in fewer pieces; none gets looser.

    strays: the limits, and what parts are held against.
    """
    chosen = found.only(needed(found.parts, built, skin))
    cover, looser = Cover(chosen.parts, built, skin), chosen.looser.copy()
    absorber, regrouper = Absorber(cover, strays, looser), Regrouper(cover, strays, looser)
    absorber.once()
    for _ in range(_ROUNDS):
        before = len(cover.parts)
        regrouper.all_pairs()
        absorber.once()
        if len(cover.parts) == before:
            break
    left = sorted(cover.parts)
    return Decomposition([cover.parts[number] for number in left], looser[left])
