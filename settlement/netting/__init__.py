"""Legal gross, payment net: what each firm pays in or is paid for a day, in one bank leg.

Every obligation stays whole and separate in the books; only the money that crosses a bank is
netted (SETTLEMENT 4.3). Pure: no database, no clock, and nothing here moves money.
"""

from settlement.netting.batch import net
from settlement.netting.words import OPERATOR, Batch, Dropped, Due, Leg, Line, NettingError

__all__ = ["OPERATOR", "Batch", "Dropped", "Due", "Leg", "Line", "NettingError", "net"]
