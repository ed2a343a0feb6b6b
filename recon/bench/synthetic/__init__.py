"""Worlds that exist only as code, with exact truth: the sample capture and the tests are made from them.

renderer   a textured triangle world and what a camera sees of it
surfaces   rectangles, boxes, cylinders, ... with texture coordinates      parts  those with what they are made of
materials  bricks, planks, plaster, ... as pictures        prints  posters and carpets
drawing    stencils and stamps in pictures                 noise   what materials are made of
light      daylight and shadow, baked into the textures
courtyard  the world of the sample capture          furnished_room  white walls, plain floor, thin legs
tabletop   round, thin, hollow and plain things on a table          facade  a house front across a street
kitchen    plain fronts, tiles that repeat, a steel tap
walk       a hand-held walk: poses, exposure, sensor noise
film       a film of a world and the truth it was made from
rgbd  photos with a sensor's depth
depth_sensor  the faults of depth sensors, for test data
"""
