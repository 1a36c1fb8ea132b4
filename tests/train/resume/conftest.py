from collections.abc import Iterator

import pytest

from .processes import Runs


@pytest.fixture(scope="package")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    runs = Runs(tmp_path_factory.mktemp("resume"))
    yield runs
    runs.close()
