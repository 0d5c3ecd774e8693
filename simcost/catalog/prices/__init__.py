"""Price lists of providers and catalogs, read with distrust: what can be believed becomes facts, the rest is reported.

`importing` runs it: a reader of a format gives quotes, `filters` and `joins` pass them on or report them, `rows`
makes facts of what is left.
"""
