"""Video or photos -> frames: sharp, well-spaced, upright images of one working size.

stage           the stage: `capture_frames`     settings  conf/capture
source          what a person gave: a video, a folder of photos, or a mistake to explain
video           a video to its key frames, in one pass
photos          a folder of photos: names in order, duplicates and damaged ones out
duplicates      whether a photo shows what another already shows
panorama        360-degree sources: telling them, and cutting each panorama into views of one exact camera
cameras         which photos share a camera
posed_folders   folders whose pictures come with poses
survey          what lies in a folder of photos, and what of it is left out
candidates      pictures that may be kept, on disk while the video is being decoded
keyframes       which frames to keep: the sharpest of each window of equal change of view
motion          how the view has changed: followed corners, summed over the video
flow            parallax and turnover of one field of displacements
sharpness       how sharp a picture is
borders         black bars round a film
notes           exposure jumps and runs of blur, noted and not dropped
masks           masks of kept frames, at working size
mask_files      mask files beside the source
mask_function   a person's own mask function
records         how kept pictures are written, and what became of the others
"""
