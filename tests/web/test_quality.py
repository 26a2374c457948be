"""The trial statement of a contract: both parties recompute it, nobody else sees it."""

from __future__ import annotations

import re

from tests.web.desk import Desk, codes, desk
from tests.web.test_office import traded

__all__ = ["desk"]

PATH = "/qldz/contracts/1/quality/"
BASE = {"weight": "500", "q_qnet_ar": "5500", "q_st_d": "0.80", "q_mt": "18"}


def shown(page: str) -> list[str]:
    """Settled price, weight, value, and the difference to the contract."""
    names = ("price", "weight", "value", "difference")
    found = [re.search(rf'data-testid="quality-{name}"[^>]*>([^<]*)<', page) for name in names]
    return [one[1] for one in found if one is not None]


def test_goods_at_their_base_cost_what_the_contract_says(desk: Desk) -> None:
    traded(desk)
    page = desk.client("trader", "lzrd").get(PATH, BASE).content.decode()
    assert shown(page) == ["¥722.00", "500 吨", "¥361,000.00", "¥0.00"]
    assert page.count('data-testid="quality-line"') == 4


def test_both_parties_see_the_same_reductions_line_by_line(desk: Desk) -> None:
    traded(desk)
    measured = BASE | {"q_qnet_ar": "5423", "q_st_d": "0.92", "q_mt": "19.4"}
    pages = [
        desk.client("trader", firm).get(PATH, measured).content.decode()
        for firm in ("lzrd", "rzyf")
    ]
    for page in pages:
        # 722 x 5423 / 5500 - 5 = 706.892 -> 706.89 yuan a tonne; 500 t less 1 % = 495 t
        assert shown(page) == ["¥706.89", "495 吨", "¥349,910.55", "−¥11,089.45"]
        assert "−10.108 元/吨" in page
        assert "1 × −5 元/吨" in page
        assert "重量 × 0.99" in page


def test_what_may_be_refused_is_said(desk: Desk) -> None:
    traded(desk)
    trader = desk.client("trader", "lzrd")
    weak = trader.get(PATH, BASE | {"q_qnet_ar": "4999", "weight": "551"}).content.decode()
    assert re.findall(r'data-action="([A-Z_]+)"', weak) == ["BUYER_OPTION"]
    assert "超出溢短装幅度 1 吨" in weak
    short = trader.get(PATH, BASE | {"weight": "449.999"}).content.decode()
    assert "低于溢短装下限 0.001 吨" in short


def test_what_is_not_a_measurement_is_refused_at_its_field(desk: Desk) -> None:
    traded(desk)
    trader = desk.client("trader", "lzrd")
    answer = trader.get(PATH, BASE | {"q_mt": "wet", "q_st_d": ""})
    assert (answer.status_code, codes(answer)) == (422, ["REQUIRED", "NUMBER"])
    assert 'value="wet"' in answer.content.decode()
    assert trader.get(PATH).status_code == 200


def test_a_stranger_sees_no_trial_statement(desk: Desk) -> None:
    traded(desk)
    assert desk.client("operator").get(PATH).status_code == 200
    assert desk.client("trader", "jnqf").get(PATH, BASE).status_code == 404
    abroad = desk.client("trader", "rcyy", venue="jdsc")
    assert abroad.get("/jdsc/contracts/1/quality/", BASE).status_code == 404
