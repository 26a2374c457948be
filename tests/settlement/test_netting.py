"""Bank legs of a day: scenarios to read, what must hold for any day, and two naive oracles."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.limits import NETTING_DUE_MOST_FEN, NETTING_DUES
from settlement.netting import Batch, Due, NettingError, net
from tests.benchmarks import bench_netting

ROOT = Path(__file__).parents[2]
NAMES = ("operator", "lantern", "northmill", "redquay", "stonefield")


# Scenarios. `<obligation> <payer> owes <payee> <fen> <what>`; `<firm> has <fen>` bounds what it can
# pay in. The rest is what netting says.


def played(text: str) -> str:
    """Net what the scenario's own lines say and tell the batch in the scenario's words."""
    dues, funding = [], {}
    for line in text.splitlines():
        if found := re.fullmatch(r"(\d+) (\w+) owes (\w+) (\d+) (\w+)", line):
            number, payer, payee, amount, what = found.groups()
            payer_id, payee_id = NAMES.index(payer), NAMES.index(payee)
            dues.append(Due(int(number), payer_id, payee_id, int(amount), what))
        elif found := re.fullmatch(r"(\w+) has (\d+)", line):
            funding[NAMES.index(found[1])] = int(found[2])
    batch = net(dues, funding)
    said = [
        f"round {one.round_no}: {' and '.join(NAMES[f] for f in one.failed)} cannot pay,"
        f" {one.obligation_id} is out"
        for one in batch.dropped
    ]
    legs = {leg.firm_id: leg.amount_fen for leg in batch.legs}
    for firm in sorted({line.firm_id for line in batch.lines}):
        amount = legs.get(firm, 0)
        way = "pays in" if amount > 0 else "is paid" if amount else "moves"
        said.append(f"{NAMES[firm]} {way} {abs(amount)}")
        said += [
            f"  {line.obligation_id} {line.what} {NAMES[line.counterparty_id]} {line.amount_fen:+}"
            for line in batch.lines
            if line.firm_id == firm
        ]
    given_lines = [line for line in text.splitlines() if re.search(r" (owes|has) |^#", line)]
    return "\n".join([*given_lines, *said])


CIRCLE = """\
# Three firms trade in a circle and each pays a fee. 2,730 fen are owed, 210 cross a bank.
1 lantern owes northmill 1000 price
1 lantern owes operator 10 fee
2 northmill owes redquay 900 price
2 northmill owes operator 10 fee
3 redquay owes lantern 800 price
3 redquay owes operator 10 fee
lantern has 210
operator is paid 30
  1 fee lantern -10
  2 fee northmill -10
  3 fee redquay -10
lantern pays in 210
  1 fee operator +10
  1 price northmill +1000
  3 price redquay -800
northmill is paid 90
  1 price lantern -1000
  2 fee operator +10
  2 price redquay +900
redquay is paid 90
  2 price northmill -900
  3 fee operator +10
  3 price lantern +800"""

FAILING = """\
# Lantern owes 700 on balance and has 150. Without 4 it still owes 200, so 1 goes as well; then it
# has sold more than it bought. Northmill lived on 1 and can no longer pay for 2. Redquay loses the
# income of 2 and 4 but has the money for 3, which stays.
1 lantern owes northmill 1000 price
2 northmill owes redquay 900 price
3 redquay owes lantern 800 price
4 lantern owes redquay 500 price
lantern has 150
northmill has 0
redquay has 800
round 1: lantern cannot pay, 1 is out
round 1: lantern cannot pay, 4 is out
round 2: northmill cannot pay, 2 is out
lantern is paid 800
  3 price redquay -800
redquay pays in 800
  3 price lantern +800"""

EXACT = """\
# Lantern can pay exactly what it owes without the latest. Northmill's sale to stonefield is none of
# lantern's business and stays, as does what lantern itself sold.
1 lantern owes northmill 300 price
1 northmill owes operator 3 fee
2 lantern owes northmill 400 price
3 stonefield owes northmill 50 price
4 redquay owes lantern 100 price
5 lantern owes redquay 1 price
5 redquay owes lantern 1 refund
lantern has 200
round 1: lantern cannot pay, 2 is out
operator is paid 3
  1 fee northmill -3
lantern pays in 200
  1 price northmill +300
  4 price redquay -100
  5 price redquay +1
  5 refund redquay -1
northmill is paid 347
  1 fee operator +3
  1 price lantern -300
  3 price stonefield -50
redquay pays in 100
  4 price lantern +100
  5 price lantern -1
  5 refund lantern +1
stonefield pays in 50
  3 price northmill +50"""

LEVEL = """\
# Who owes as much as it is owed moves nothing at the bank, and its lines say why.
1 lantern owes northmill 70 price
2 northmill owes redquay 70 price
northmill has 0
lantern pays in 70
  1 price northmill +70
northmill moves 0
  1 price lantern -70
  2 price redquay +70
redquay is paid 70
  2 price northmill -70"""

TWO_PAY = """\
# Both owe the operator a fee for 1 and have nothing: it drops once and names both.
1 lantern owes operator 5 fee
1 northmill owes operator 5 fee
lantern has 0
northmill has 4
round 1: lantern and northmill cannot pay, 1 is out"""

GONE_BEFORE = """\
# Lantern drops 5, a fee of both, and 4, which northmill lived on. That 5 is gone already does not
# help northmill in the next round: 1 has to go.
1 northmill owes redquay 6 price
4 lantern owes northmill 6 price
5 lantern owes operator 3 fee
5 northmill owes operator 3 fee
lantern has 0
northmill has 3
round 1: lantern cannot pay, 4 is out
round 1: lantern cannot pay, 5 is out
round 2: northmill cannot pay, 1 is out"""


@pytest.mark.parametrize("text", [CIRCLE, FAILING, EXACT, LEVEL, TWO_PAY, GONE_BEFORE])
def test_a_scenario_comes_out_as_it_is_told(text: str) -> None:
    assert played(text) == text


def test_an_empty_day_has_no_legs() -> None:
    assert net([], {1: 0}) == Batch((), (), ())


# What is refused.


@pytest.mark.parametrize(
    ("due", "funding", "code"),
    [
        (Due(1, 1, 2, 0, "price"), {}, "AMOUNT"),
        (Due(1, 1, 2, -5, "price"), {}, "AMOUNT"),
        (Due(1, 1, 2, NETTING_DUE_MOST_FEN + 1, "price"), {}, "AMOUNT"),
        (Due(1, 2, 2, 5, "price"), {}, "SAME_FIRM"),
        (Due(1, 0, 0, 5, "fee"), {}, "SAME_FIRM"),
        (Due(1, -1, 2, 5, "price"), {}, "FIRM"),
        (Due(1, 1, -2, 5, "price"), {}, "FIRM"),
        (Due(1, 1, 2, 5, "price"), {-1: 5}, "FIRM"),
        (Due(1, 1, 2, 5, "price"), {7: -1}, "FUNDING"),
    ],
)
def test_wrong_input_is_refused_whole(due: Due, funding: dict[int, int], code: str) -> None:
    with pytest.raises(NettingError) as caught:
        net([due, Due(2, 1, 2, 5, "price")], funding)
    assert caught.value.code == code


def test_a_refusal_names_the_lowest_obligation_in_any_order() -> None:
    dues = [Due(9, 1, 1, 5, "price"), Due(3, 1, 2, 0, "price"), Due(5, 1, 2, 5, "price")]
    for order in (dues, dues[::-1]):
        with pytest.raises(NettingError, match="AMOUNT: obligation 3, price"):
            net(order, {})


def test_the_bound_on_dues_is_reached_and_not_passed() -> None:
    due = Due(1, 1, 2, NETTING_DUE_MOST_FEN, "price")
    batch = net([due] * NETTING_DUES, {})
    assert batch.moved_fen == NETTING_DUES * NETTING_DUE_MOST_FEN < 2**63
    with pytest.raises(NettingError) as caught:
        net([due] * (NETTING_DUES + 1), {})
    assert caught.value.code == "TOO_MANY"


def test_netting_knows_neither_database_nor_clock() -> None:
    asked = "import sys, settlement.netting; print(*{m.partition('.')[0] for m in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not {"django", "sqlite3", "datetime", "random"} & set(done.stdout.split())


# What holds for any day. Money is scarce on purpose: with plenty, nothing would ever drop.

amounts = st.integers(1, 20)
firms = st.integers(0, 4)
any_dues = st.lists(
    st.tuples(st.integers(1, 7), firms, firms, amounts, st.sampled_from(["price", "fee", "refund"]))
    .filter(lambda due: due[1] != due[2])
    .map(lambda due: Due(*due)),
    max_size=14,
)
scarce = st.dictionaries(firms, st.integers(0, 15), min_size=2)


@st.composite
def trades(draw: st.DrawFn) -> list[Due]:
    """Obligations as trades open them: only the buyer pays, the price covers the seller's fee."""
    dues = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        buyer, seller = draw(st.lists(st.integers(1, 4), min_size=2, max_size=2, unique=True))
        price = draw(st.integers(2, 20))
        dues.append(Due(number, buyer, seller, price, "price"))
        if draw(st.booleans()):
            dues.append(Due(number, buyer, 0, 1, "fee"))
            dues.append(Due(number, seller, 0, 1, "fee"))
    return dues


@st.composite
def trades_and_fees(draw: st.DrawFn) -> list[Due]:
    """Trades, and among them obligations of two firms that both owe the operator a fee."""
    dues = draw(trades())
    for number in draw(st.sets(st.integers(9, 12))):
        both = draw(st.lists(st.integers(1, 4), min_size=2, max_size=2, unique=True))
        dues += [Due(number, firm, 0, draw(amounts), "fee") for firm in both]
    return dues


def nets_of(dues: Iterable[Due]) -> Counter[int]:
    """What each firm pays in on balance, one due after the other."""
    nets: Counter[int] = Counter()
    for due in dues:
        nets[due.payer_id] += due.amount_fen
        nets[due.payee_id] -= due.amount_fen
    return nets


def funded(dues: Iterable[Due], funding: Mapping[int, int]) -> bool:
    return all(nets_of(dues)[firm] <= bound for firm, bound in funding.items())


def paid_for_by(firm: int, dues: Sequence[Due]) -> list[int]:
    """The obligations that cost `firm` money, oldest first."""
    numbers = sorted({due.obligation_id for due in dues})
    return [n for n in numbers if nets_of(d for d in dues if d.obligation_id == n)[firm] > 0]


@settings(max_examples=400, deadline=None)
@given(dues=any_dues, funding=scarce)
def test_legs_sum_to_zero_and_lines_to_legs_with_obligations_whole(
    dues: list[Due], funding: dict[int, int]
) -> None:
    batch = net(dues, funding)
    batch.check()
    gone = {one.obligation_id for one in batch.dropped}
    assert len(gone) == len(batch.dropped)
    kept = [due for due in dues if due.obligation_id not in gone]
    assert gone <= {due.obligation_id for due in dues}
    # Every due of what stays stands on both firms' statements, and nothing else does.
    both_sides = Counter(
        (firm, due.obligation_id, other, sign * due.amount_fen, due.what)
        for due in kept
        for firm, other, sign in ((due.payer_id, due.payee_id, 1), (due.payee_id, due.payer_id, -1))
    )
    assert both_sides == Counter(
        (line.firm_id, line.obligation_id, line.counterparty_id, line.amount_fen, line.what)
        for line in batch.lines
    )
    legs = {leg.firm_id: leg.amount_fen for leg in batch.legs}
    assert len(legs) == len(batch.legs)
    assert legs == {firm: amount for firm, amount in nets_of(kept).items() if amount}
    assert sum(legs.values()) == 0
    sums: defaultdict[int, int] = defaultdict(int)
    for line in batch.lines:
        sums[line.firm_id] += line.amount_fen
    assert {firm: amount for firm, amount in sums.items() if amount} == legs


@settings(max_examples=300, deadline=None)
@given(dues=any_dues, funding=scarce)
def test_whoever_is_left_can_pay_and_nothing_drops_where_all_can(
    dues: list[Due], funding: dict[int, int]
) -> None:
    batch = net(dues, funding)
    for leg in batch.legs:
        assert leg.amount_fen <= funding.get(leg.firm_id, leg.amount_fen)
    assert (batch.dropped == ()) == funded(dues, funding)
    # Who can pay for all it owes with no income at all never drops anything.
    for one in batch.dropped:
        for firm in one.failed:
            owed = sum(due.amount_fen for due in dues if due.payer_id == firm)
            assert owed > funding[firm]


@settings(max_examples=200, deadline=None)
@given(dues=any_dues, funding=scarce, data=st.data())
def test_the_order_of_the_input_changes_nothing(
    dues: list[Due], funding: dict[int, int], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(dues))
    turned = dict(data.draw(st.permutations(list(funding.items()))))
    assert net(shuffled, turned) == net(dues, funding)


# The rule, told a second time without any of its shortcuts.


def told_by_rounds(dues: list[Due], funding: Mapping[int, int]) -> list[tuple[int, list[int], int]]:
    """Each round: of every firm over its funding, the fewest latest that bring it within."""
    told = []
    stays = list(dues)
    round_no = 0
    while not funded(stays, funding):
        round_no += 1
        out: defaultdict[int, list[int]] = defaultdict(list)
        for firm in sorted(funding):
            own = paid_for_by(firm, stays)
            for count in range(len(own) + 1):
                latest = own[len(own) - count :]
                alone = nets_of(due for due in stays if due.obligation_id not in latest)
                if alone[firm] <= funding[firm]:
                    break
            for number in latest:
                out[number].append(firm)
        told += [(number, out[number], round_no) for number in sorted(out)]
        stays = [due for due in stays if due.obligation_id not in out]
    return told


@settings(max_examples=400, deadline=None)
@given(dues=any_dues | trades_and_fees(), funding=scarce)
def test_each_round_drops_the_fewest_of_the_latest(
    dues: list[Due], funding: dict[int, int]
) -> None:
    told = [
        (one.obligation_id, list(one.failed), one.round_no) for one in net(dues, funding).dropped
    ]
    assert told == told_by_rounds(dues, funding)


@settings(max_examples=300, deadline=None)
@given(dues=trades(), funding=scarce)
def test_what_stays_of_trades_is_the_largest_batch_that_can_be_paid(
    dues: list[Due], funding: dict[int, int]
) -> None:
    """Of all 2^n sets of trades: funded, each buyer's oldest first. One contains all others."""
    numbers = sorted({due.obligation_id for due in dues})
    own = {firm: paid_for_by(firm, dues) for firm in range(5)}
    allowed = [
        frozenset(chosen)
        for count in range(len(numbers) + 1)
        for chosen in combinations(numbers, count)
        if funded([due for due in dues if due.obligation_id in chosen], funding)
        and all(
            [n in chosen for n in mine] == sorted((n in chosen for n in mine), reverse=True)
            for mine in own.values()
        )
    ]
    largest = frozenset().union(*allowed)
    assert largest in allowed
    gone = {one.obligation_id for one in net(dues, funding).dropped}
    assert set(numbers) - gone == largest


def test_a_day_that_unravels_one_obligation_a_round_comes_to_its_end() -> None:
    """A chain of 20,000 sales without money: each loses its income a round after the one before.

    A round that counted everything anew would take an hour.
    """
    chain = [Due(n, n, n + 1, 10, "price") for n in range(1, 20_001)]
    batch = net(chain, {firm: 0 for firm in range(1, 20_001)})
    assert [one.round_no for one in batch.dropped] == list(range(1, 20_001))
    assert batch.legs == ()


def test_a_large_day_nets_every_firm_to_one_leg() -> None:
    dues = bench_netting.day(20, 2_000, two_way_pct=70, seed=1, fees=True)
    batch = net(dues, {})
    assert len(batch.lines) == 2 * len(dues)
    assert len(batch.legs) <= 21
