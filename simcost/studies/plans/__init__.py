"""Plans of a scenario compared: text, page, tables and charts (`simcost run`, `check`, `schema`)."""
