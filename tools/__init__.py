"""Tools of the repository itself: what is generated from the code, and the check that it has not drifted."""
