"""The radiance field -> a textured mesh in mesh/.

python scripts/mesh.py workspace=runs/walk
"""

from command import command

from recon import pipeline

if __name__ == "__main__":
    command(pipeline.mesh)()
