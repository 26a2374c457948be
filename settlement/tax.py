"""VAT, taken out of tax-inclusive values once per delivery (增值税法 arts 10, 28)."""

from matching.units import Fen


def split_vat(gross: Fen, rate_pct: int) -> tuple[Fen, Fen]:
    """Return (net, vat) of a tax-inclusive amount: net rounds half up to the fen, vat is the rest.

    `net = round_half_up(gross x 100 / (100 + rate))`, in integers.
    """
    base = 100 + rate_pct
    net = (gross * 100 * 2 + base) // (2 * base)
    return net, gross - net
