"""One page for a person to look at: pictures, curves, numbers, warnings.

stage          write_report: everything of a run on one self-contained page
sections       its parts with pictures, each from the files of one stage
surface_sections  its parts on what was matched and on the mesh
world_section  its part on the simulator world
number_sections  those of numbers and curves
pose_sections  its parts about poses: what the doctor found, and how they were found
examination    what the doctor found as HTML
page           HTML pieces: escaping, inline pictures, tables, style
charts         training curves and frame sharpness as SVG
timeline       every frame along the capture as SVG
link_matrix    which frames see the same things as SVG
camera_map     cameras and points from above and from the side as SVG
coverage_map   how well each part of the scene was seen as SVG
"""
