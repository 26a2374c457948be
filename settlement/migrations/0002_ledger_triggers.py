"""The ledger's invariants, in the database: totals by trigger, nothing changed or removed."""

from django.db import migrations

SQLITE = """
CREATE TABLE ledger_guard (open INTEGER NOT NULL CHECK (open IN (0, 1)));
INSERT INTO ledger_guard VALUES (0);
CREATE TRIGGER ledger_account_opening BEFORE INSERT ON ledger_account
WHEN NEW.debits <> 0 OR NEW.credits <> 0
BEGIN SELECT RAISE(ABORT, 'an account opens with zero'); END;
CREATE TRIGGER ledger_account_guard BEFORE UPDATE ON ledger_account
WHEN (SELECT open FROM ledger_guard) = 0
BEGIN SELECT RAISE(ABORT, 'accounts change only by transfers'); END;
CREATE TRIGGER ledger_account_stays BEFORE DELETE ON ledger_account
BEGIN SELECT RAISE(ABORT, 'accounts are never removed'); END;
CREATE TRIGGER ledger_transfer_update BEFORE UPDATE ON ledger_transfer
BEGIN SELECT RAISE(ABORT, 'transfers are never changed'); END;
CREATE TRIGGER ledger_transfer_delete BEFORE DELETE ON ledger_transfer
BEGIN SELECT RAISE(ABORT, 'transfers are never removed'); END;
CREATE TRIGGER ledger_transfer_insert AFTER INSERT ON ledger_transfer
BEGIN
    SELECT RAISE(ABORT, 'a transfer stays within one ledger and venue')
    WHERE (SELECT count(*) FROM ledger_account WHERE id IN (NEW.debit_id, NEW.credit_id)
           AND ledger = NEW.ledger AND venue_id = NEW.venue_id) <> 2;
    UPDATE ledger_guard SET open = 1;
    UPDATE ledger_account SET debits = debits + NEW.amount WHERE id = NEW.debit_id;
    UPDATE ledger_account SET credits = credits + NEW.amount WHERE id = NEW.credit_id;
    UPDATE ledger_guard SET open = 0;
END;
"""

POSTGRESQL = """
CREATE FUNCTION ledger_account_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.debits <> 0 OR NEW.credits <> 0 THEN
            RAISE EXCEPTION 'an account opens with zero';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND pg_trigger_depth() > 1 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'accounts change only by transfers and are never removed';
END $$;
CREATE TRIGGER ledger_account_guard BEFORE INSERT OR UPDATE OR DELETE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_account_guard();
CREATE FUNCTION ledger_transfer_apply() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE fitting integer;
BEGIN
    SELECT count(*) INTO fitting FROM ledger_account WHERE id IN (NEW.debit_id, NEW.credit_id)
        AND ledger = NEW.ledger AND venue_id = NEW.venue_id;
    IF fitting <> 2 THEN
        RAISE EXCEPTION 'a transfer stays within one ledger and venue';
    END IF;
    UPDATE ledger_account SET debits = debits + NEW.amount WHERE id = NEW.debit_id;
    UPDATE ledger_account SET credits = credits + NEW.amount WHERE id = NEW.credit_id;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_transfer_apply AFTER INSERT ON ledger_transfer
    FOR EACH ROW EXECUTE FUNCTION ledger_transfer_apply();
CREATE FUNCTION ledger_transfer_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'transfers are never changed or removed'; END $$;
CREATE TRIGGER ledger_transfer_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_transfer_stays();
"""


def install(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        # One statement at a time: executescript would commit the migration's transaction.
        statement = ""
        for line in SQLITE.strip().splitlines():
            statement += line + "\n"
            body = statement.upper()
            if line.rstrip().endswith(";") and (
                "CREATE TRIGGER" not in body or line.rstrip().endswith("END;")
            ):
                schema_editor.execute(statement)
                statement = ""
    else:
        schema_editor.execute(POSTGRESQL)


class Migration(migrations.Migration):
    dependencies = [("settlement", "0001_initial")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
