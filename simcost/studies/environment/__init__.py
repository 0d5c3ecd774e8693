"""The machine that simcost runs on: versions, folders, age of the facts (`simcost doctor`)."""
