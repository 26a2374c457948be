"""Operations asked so far were all of the ledger rail and final: give the rail its own memory."""

from django.db import migrations

FORWARDS = """
UPDATE settlement_paymentoperation SET purpose = op_id, next_at = made_at, ended_at = made_at,
    done_fen = amount_fen;
INSERT INTO settlement_custodyentry (op_id, kind, account, parent, amount_fen, made_at, venue_id)
SELECT v.code || ':' || o.op_id, o.kind, '', '', o.amount_fen, o.made_at, o.venue_id
FROM settlement_paymentoperation o JOIN exchange_venue v ON v.id = o.venue_id ORDER BY o.id;
UPDATE settlement_paymentoperation SET ref = (
    SELECT 'c' || c.id FROM settlement_custodyentry c JOIN exchange_venue v ON v.id = c.venue_id
    WHERE c.venue_id = settlement_paymentoperation.venue_id
    AND c.op_id = v.code || ':' || settlement_paymentoperation.op_id
);
"""


class Migration(migrations.Migration):
    dependencies = [("settlement", "0010_payment_rails")]

    operations = [migrations.RunSQL(FORWARDS, migrations.RunSQL.noop)]
