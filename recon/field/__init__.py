"""The radiance field and its shape."""

from recon.field.radiance_field import FieldShape, RadianceField, truncated_exp

__all__ = ["FieldShape", "RadianceField", "truncated_exp"]
