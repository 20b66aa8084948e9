"""docs/losses_and_penalties.md says what a fit of each case does; and it cannot say anything else."""

import offered
import pytest


@pytest.mark.parametrize("name", offered.TABLES)
def test_the_page_states_the_facts(name):
    page = offered.written(offered.PAGE.read_text(encoding="utf-8"))
    assert page[name] == offered.TABLES[name](), "the page is out of date: python tests/offered.py"


def test_every_loss_and_penalty_by_name_is_in_the_table():
    from sparsereg import losses, penalties

    text = offered.PAGE.read_text(encoding="utf-8").lower().replace("_", "").replace(" ", "")
    for loss in set(losses._BY_NAME) - {"softmax"}:
        assert loss.replace("_", "") in text
    for name in penalties.__all__:
        spec = getattr(penalties, name)
        if isinstance(spec, type) and issubclass(spec, penalties.Penalty) and spec is not penalties.Penalty:
            assert {"NoPenalty": "none"}.get(name, name).lower() in text
