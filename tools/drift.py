"""`python -m tools.drift [--check]`: everything that is generated, written or compared in one go."""

import sys

from tools import openapi, schema, settings_docs
from tools.generated import run

if __name__ == "__main__":
    sys.exit(run([*settings_docs.generated(), *schema.generated(), *openapi.generated()], sys.argv[1:]))
