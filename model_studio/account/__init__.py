"""Whose account is used: keys, regions and settings of this machine."""
