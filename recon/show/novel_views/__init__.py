"""Pictures and a video of the field along a path that nobody filmed."""

from recon.show.novel_views.stage import render_path

__all__ = ["render_path"]
