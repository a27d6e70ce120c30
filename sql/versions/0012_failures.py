"""Failures of one kind.

Breaking: no. Reversible: yes; of which kind a failure was is forgotten then. Failures of before have no kind.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job", sa.Column("error_type", sa.String(255)))
    op.add_column("job", sa.Column("failure_group", sa.CHAR(16)))


def downgrade() -> None:
    op.drop_column("job", "failure_group")
    op.drop_column("job", "error_type")
