"""Bytes on disk <-> arrays and geometry nouns. Each module is one kind of file and reads nothing it was not given.

images              photographs: jpg, png, webp, tiff, heic
image_files         ... what they say before a pixel is decoded: size, orientation, lens (exif), place (exif_gps)
deep_pixels         grey pictures of more than 8 bits
masks               which pixels of a picture count    png_alpha   whether any does, from the first rows
depth_files         where depth that came with the pictures lies: depth_names, by name, and depth_lists, by TUM's lists
depth_images        ... and what is in it; depth_at_points, beside the sparse points that the picture saw
photos              the picture of a posed view with its mask, checked against its camera
video               mp4, mov, mkv, webm, avi in; video_stream, video_pixels: its parts; video_writing: H.264 mp4 out
high_dynamic_range  HLG and PQ video frames to ordinary sRGB; interlaced: half pictures to whole ones
frames_json         our own list of frames, kept and dropped     frame_set   the kept ones, as the poses need them
cameras_json        our own posed-capture file
matched_views       what matching between pictures knows of each
transforms_json     instant-ngp and nerfstudio captures; transforms_lenses: their lenses
blender             Blender synthetic scenes
colmap              COLMAP models: colmap_text, colmap_binary; colmap_parts: what both share
llff                LLFF captures
tum                 TUM RGB-D trajectories, pictures found by time
kitti               KITTI odometry
seven_scenes        7-Scenes
csv_poses           a plain table of poses; csv_table: its rows
polycam             raw exports of Polycam
record3d            raw captures of Record3D
intrinsics          intrinsics apart from poses: a text file or a setting
text_tables         plain text tables of numbers
given_poses         what every reader of given poses checks; gathering: what it takes and what it leaves
named_files         files that other files name; clocks: the unit of time stamps
face_evidence       how each face of a mesh is known
meshes              triangle meshes: mesh_ply, mesh_obj, mesh_glb, mesh_npz; ply: its tables
points_ply          sparse coloured points          tracks_npz   which view saw which of them
npz_arrays          arrays of one of our files, checked

Each is imported by its name: what one needs (PyAV, Open3D) the others do without.
"""
