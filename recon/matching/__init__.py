"""Geometry matched between pictures."""
