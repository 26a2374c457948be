"""What a receipt says beside its quantity (民法典 art. 909), its photos and its certificate."""

from django.db import models

from exchange.models import Firm, User, Venue
from exchange.scope import VenueManager
from settlement.models.receipt import Receipt


class ReceiptPaper(models.Model):
    """The statutory fields of one pile, written at its registration; parts share their root's.

    A receipt registered before there were papers has none: its page says "not recorded".
    """

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    receipt = models.OneToOneField(Receipt, on_delete=models.PROTECT, related_name="paper")  # root
    depositor = models.ForeignKey(Firm, on_delete=models.PROTECT, related_name="+")
    depositor_address = models.CharField(max_length=120)
    packing = models.CharField(max_length=40)
    pieces = models.PositiveBigIntegerField()  # 0: in bulk
    marks = models.CharField(max_length=80, blank=True)
    loss_pct = models.CharField(max_length=12)  # the commodity's terms at that time
    fee_yuan_per_t_day = models.CharField(max_length=12)
    place = models.CharField(max_length=120)
    stored_from = models.DateField()
    stored_until = models.DateField()  # last day of the storage period; extensions move it
    insurer = models.CharField(max_length=80, blank=True)  # "": not insured
    insured_fen = models.PositiveBigIntegerField(default=0)
    insured_from = models.DateField(null=True)
    insured_until = models.DateField(null=True)
    issued_by = models.CharField(max_length=80)
    issued_place = models.CharField(max_length=80)
    issued_on = models.DateField()
    produced_on = models.DateField(null=True)  # made, caught or harvested
    best_before = models.DateField(null=True)  # last day of the shelf life
    expires_on = models.DateField(db_index=True)  # the earlier of both last days
    certificate_number = models.CharField(max_length=60, blank=True)
    certificate_body = models.CharField(max_length=80, blank=True)
    certificate_issued_on = models.DateField(null=True)
    certificate_valid_until = models.DateField(null=True)

    objects = VenueManager["ReceiptPaper"]()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(stored_until__gte=models.F("stored_from")),
                name="storage_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    insurer="",
                    insured_fen=0,
                    insured_from__isnull=True,
                    insured_until__isnull=True,
                )
                | (
                    ~models.Q(insurer="")
                    & models.Q(insured_fen__gt=0, insured_until__gte=models.F("insured_from"))
                ),
                name="insurance_is_whole_or_absent",
            ),
        ]


class ReceiptFileKind(models.TextChoices):
    """What a file shows."""

    PHOTO = "photo"
    CERTIFICATE = "certificate"


class ReceiptFile(models.Model):
    """A photo or a certificate of a pile; its bytes lie under their SHA-256 (receipt_files)."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="files")  # root
    kind = models.CharField(max_length=12, choices=ReceiptFileKind.choices)
    position = models.PositiveSmallIntegerField()
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=20)
    size_bytes = models.PositiveIntegerField()

    objects = VenueManager["ReceiptFile"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["receipt", "kind", "position"], name="one_receipt_file_per_position"
            ),
        ]


class StorageExtension(models.Model):
    """The keeper has agreed to store a pile longer, on a document."""

    venue = models.ForeignKey(Venue, on_delete=models.PROTECT)
    paper = models.ForeignKey(ReceiptPaper, on_delete=models.PROTECT, related_name="extensions")
    op_id = models.CharField(max_length=64)
    stored_until = models.DateField()  # the new last day
    before = models.DateField()  # the last day until then
    document = models.CharField(max_length=120)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    objects = VenueManager["StorageExtension"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["venue", "op_id"], name="one_extension_per_operation"),
            models.CheckConstraint(
                condition=models.Q(stored_until__gt=models.F("before")), name="extension_extends"
            ),
        ]
