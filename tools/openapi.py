"""`python -m tools.openapi [--check]`: docs/openapi.json, the document that a node serves at `/api/openapi.json`."""

import json
import sys

from api_node.openapi.document import document
from api_node.routes import TABLE
from tools.generated import Generated, run


def generated() -> list[Generated]:
    """The committed copy. Raises Undescribed for a route without its description."""
    return [Generated("docs/openapi.json", json.dumps(document(TABLE), indent=1, ensure_ascii=False) + "\n")]


if __name__ == "__main__":
    sys.exit(run(generated(), sys.argv[1:]))
