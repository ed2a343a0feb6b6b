"""`python -m recon STAGE key=value ...`"""

from recon.command.main import main

if __name__ == "__main__":
    main()
