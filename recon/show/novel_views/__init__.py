"""Pictures and a video of the field along a path that nobody filmed.

stage  `render_path`    settings  conf/views
"""

from recon.show.novel_views.stage import render_path

__all__ = ["render_path"]
