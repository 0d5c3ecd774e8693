"""Price lists of providers and catalogs: prices that pass the checks become facts, the rest is reported.

`importer` runs it: the reader of a format gives quotes, the filters of `importer` and `components` pass them on or
report them, `catalog_files` makes facts of the rest.
"""
