"""`python -m tools.drift [--check]`: everything that is generated, written or compared in one go."""

import sys

from tools import job_states, openapi, schema, settings_docs
from tools.generated import run

if __name__ == "__main__":
    everything = (settings_docs, schema, openapi, job_states)
    sys.exit(run([file for made in everything for file in made.generated()], sys.argv[1:]))
