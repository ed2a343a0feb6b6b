"""mesh/ -> world/: a package that simulators load, with collision geometry, and the drop test that proves it.

stage           the stage: `export_world`           settings  conf/export
units           metres and origin of the package    place     what every scene file describes, and names of files
planes          flat regions of a mesh              plan_view, rectangles, extrusion, strips  its cells, as boxes, as a surface
building, slab  floors, walls, tops as boxes        floors, outline   which plane is the floor, and where it ends
bent, relief    floors that bend: which, and how; no step between their pieces
tolerances      how close parts keep to what is seen, and where     zones  how far something drives or stands, coarser beyond
convex_parts    the rest as convex parts            hulls, strays, merging   what a hull may do, how far it strays, joining hulls
covering        which parts are needed, and how well they keep to the surface     fewest      and in as few pieces as cover it
cover           which points each part covers       absorbing, regrouping   small parts taken over by others, pairs made one
collision_mesh  cleaned, faired, and simplified within a measured bound           hem         its open borders turned back
rest            convex parts of what no slab of the building explains         spare_boxes   boxes that nobody misses beside those
footing         level parts with nothing beneath, as deep as floors
collision       all collision geometry of a place
things/         what stands on the floor and on tops as bodies of their own, all closed behind them
walls           which planes are walls, and from where to where
labels          floor, wall, ceiling, furniture, object: what each face is
unseen_floor    floor that nobody saw, drawn            ground    the ground as a height field
scenes/         MJCF, URDF, SDF, USD, Habitat       manifest, readme, license, preview   what else a package holds
trials/         `verify_world`: load it in each engine, drop spheres, drive, compare with ray casts, check the files
"""
