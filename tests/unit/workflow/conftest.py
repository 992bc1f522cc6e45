"""The small project whose dataset is built."""

import pytest
from support.builds import CONFIG, SCHEMA, rows


@pytest.fixture
def specs(project):
    return project(rows(), CONFIG, files={"schema.json": SCHEMA})
