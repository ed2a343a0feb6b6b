"""Fly through the field in the browser (needs the extra "viewer")."""
