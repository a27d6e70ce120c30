"""Promises broken on purpose: each mutant must turn the tests that guard it red (`make mutants`)."""
