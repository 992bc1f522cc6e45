import json
import subprocess

import pytest
from support.child_python import python_child

STATE = """
import json, huggingface_hub.constants as hub
print(json.dumps([hub.is_offline_mode(), hub.HF_HUB_DISABLE_TELEMETRY]))
"""


@pytest.mark.parametrize("before", ["", "import huggingface_hub.constants"])
def test_training_switches_the_hub_off_whoever_imported_it_first(before):
    child = python_child(f"{before}\nimport insource.training.recipe\n{STATE}")
    off = (
        "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
        "HF_HUB_DISABLE_TELEMETRY",
        "DO_NOT_TRACK",
        "DISABLE_TELEMETRY",
    )
    child["env"] = {name: value for name, value in child["env"].items() if name not in off}
    assert json.loads(subprocess.check_output(**child)) == [True, True]
