"""Events of the future that the user knows, applied to forecasts. Importing the classes loads no numpy."""
