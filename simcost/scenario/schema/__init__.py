"""The classes that a scenario file is read into."""
