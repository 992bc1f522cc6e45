from alembic.config import Config
from alembic.script import ScriptDirectory

from insource.store.migrations import HEAD


def test_the_head_named_in_the_code_is_the_last_revision():
    config = Config()
    config.set_main_option("script_location", "insource.store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
