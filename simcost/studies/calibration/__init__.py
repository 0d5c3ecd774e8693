"""Calibration of a replica on an observed run or benchmark (`simcost calibrate`)."""
