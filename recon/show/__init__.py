"""What a person looks at.

novel_views  pictures and films of the field along a path that nobody filmed -> views/
viewer       the field in the browser
report       everything that was measured and drawn -> report.html
"""
