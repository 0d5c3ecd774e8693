"""What the user knows of the future, laid over forecasts. Importing the classes loads no numpy."""
