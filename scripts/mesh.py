"""The radiance field -> a textured mesh in mesh/.

python scripts/mesh.py workspace=runs/walk
"""

from command import run

if __name__ == "__main__":
    run("mesh")
