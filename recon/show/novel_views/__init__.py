"""Pictures and a video of the field along a path that nobody filmed.

stage  `render_path`    settings  conf/views
"""
