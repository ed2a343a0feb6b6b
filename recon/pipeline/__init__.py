"""All stages together.

stages    the stages in order: `run`, and one function for each        settings  conf/ as one checked value
forecast  how long those to come will take
"""
