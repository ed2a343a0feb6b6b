"""From the frame that structure from motion happens to have to the world's: z up, the ground at 0, metres.

up     which way is up, and where the ground is
gps    GPS fixes, and how the cameras lie on them
scale  metres, from whatever is known of the size of things
"""
