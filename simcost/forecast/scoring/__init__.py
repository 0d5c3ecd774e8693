"""Scores of an issued forecast against the demand that came."""
