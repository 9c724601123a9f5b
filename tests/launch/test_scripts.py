"""The shell scripts of launch/, and the workflows."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "launch").glob("*.sh"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_have_no_faults_that_a_checker_finds(script):
    subprocess.run(["bash", "-n", script], check=True)
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_need_no_secret_and_may_write_nothing(workflow):
    text = workflow.read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "password" not in text.replace("has no password", "")
    assert re.search(r"^permissions:\n  contents: read$", text, re.M)
    # Publishing alone may ask for a token, in the job that uploads.
    assert text.count("id-token: write") == (workflow.name == "publish.yml")
