"""The command line: `python -m recon STAGE key=value ...`, the command `recon` of an installed wheel, and the files in scripts/.

main           the table of commands               stage_command  conf/ composed with Hydra, and a stage run with it
plain_paths    paths as a shell passes them        errors         a mistake is one line and exit code 2
summary        what a run came to                  make_marker    a page to print for metric scale

Hydra and omegaconf stay in this folder; the rest of `recon` takes plain values.
"""
