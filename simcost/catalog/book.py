"""Reading the fact files and looking facts up; what is not there is an error that names it."""
