"""Which way is up, and where the ground is.

align      up from the surest source; ground and centre
vanishing  the vertical from straight edges of the pictures
level      the vertical from floors, tops and shelves that share one normal
gps_up     up from GPS
held       how cameras were held: upright as their pictures say, or turned by quarters
"""
