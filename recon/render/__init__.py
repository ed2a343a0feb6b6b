"""Looking at a density and a colour function; no module here knows a field's insides.

volume      samples along rays, and their weights, colours and distances
occupancy   where matter may be, so that rays skip the rest
views       a whole rendered view
normals     surface normals of a depth map
paths       camera paths: interpolate, orbit, spiral      path_file   nerfstudio camera-path files
pictures    depth, normals and errors as colours          beside      work that goes on beside the rendering
"""
