"""What everything of a kind promises, as test classes; a package of your own subclasses them.

    from alcseg.testing.metrics import MetricContract

    class TestParts(MetricContract):
        @pytest.fixture
        def metric(self) -> Metric:
            return PARTS

`MethodContract`, `NoiseModelContract`, `MetricContract`, `ReaderContract` and `NetworkContract` stand in the
modules `methods`, `noise`, `metrics`, `readers` and `networks`. They need pytest, which nothing else does.
"""

import pytest

__all__: list[str] = []

pytest.register_assert_rewrite(
    *(f"alcseg.testing.{name}" for name in ("methods", "metrics", "networks", "noise", "readers"))
)
