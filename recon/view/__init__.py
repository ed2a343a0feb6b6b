"""What a person looks at: the report page and the interactive viewer. Nothing imports this package but scripts.

report       write_report: everything of a run on one self-contained page
sections     the parts of that page, each from the files of one stage
page         HTML pieces: escaping, inline pictures, tables, style
charts       training curves and frame sharpness as SVG
camera_map   cameras and points from above and from the side as SVG
viewer       fly through the field in the browser (needs the extra "viewer")
"""

from recon.view.report import write_report

__all__ = ["write_report"]
