"""Fly through the field in the browser (needs the extra "viewer").

stage  `open_viewer`    settings  conf/view
"""
