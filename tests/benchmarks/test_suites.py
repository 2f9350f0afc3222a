"""Which suites there are, and what loading one brings along."""

import subprocess
import sys

import pytest

from actrio.benchmarks._suites import SUITES

LOADING = """
import sys
from actrio.benchmarks._suites import SUITES
from actrio.benchmarks import _command
SUITES["kernel"]()
print(*{"httpx2", "openai", "actrio.providers", "actrio.benchmarks.providers"} & set(sys.modules))
"""


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_has_the_name_it_is_chosen_by_and_its_scenarios_names_of_their_own(name: str) -> None:
    suite = SUITES[name]()
    names = [one.name for one in suite.scenarios]
    assert suite.name == name
    assert names
    assert len(set(names)) == len(names)


def test_the_kernel_suite_runs_without_the_libraries_of_other_suites() -> None:
    loaded = subprocess.run([sys.executable, "-P", "-c", LOADING], capture_output=True, text=True, check=True)
    assert not loaded.stdout.split()
