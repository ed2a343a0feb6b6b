"""GPS positions of photos.

fixes  the fixes, from frames.json or the pictures, and how their errors behave
fit    the turn, scale and place that lay the cameras on them
"""
