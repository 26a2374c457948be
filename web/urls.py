"""Pages. A path that names a venue is served inside that venue's scope, for who has a seat there.

`public` paths are for everybody. `tests/test_tenancy.py` fails on a path that is in neither list.
"""

from django.urls import include, path

from web.views import (
    bank_files,
    busts,
    contracts,
    decisions,
    documents,
    freezes,
    health,
    hooks,
    market,
    members,
    netting,
    office,
    operate,
    payments,
    quality,
    receipts,
    rules,
    todo,
    warehouse,
)

public = (
    [
        path("wall/<slug:venue>/", market.wall, name="wall"),
        path("api/<slug:venue>/instruments/", market.instruments, name="instruments"),
    ],
    "public",
)

urlpatterns = [
    path("", market.home, name="home"),
    path("legal/", market.legal, name="legal"),
    path("livez", health.alive, name="alive"),
    path("readyz", health.ready, name="ready"),
    path("hooks/<slug:rail>/", hooks.rail, name="hook"),
    path("preferences/", health.preferences, name="preferences"),
    path("", include(public)),
    path("<slug:venue>/", market.board, name="board"),
    path("<slug:venue>/trade/<slug:code>/", market.trade, name="trade"),
    path("<slug:venue>/funds/", office.funds, name="funds"),
    path("<slug:venue>/receipts/", office.receipts, name="receipts"),
    path("<slug:venue>/receipts/<int:receipt_id>/", office.receipt, name="receipt"),
    path(
        "<slug:venue>/receipts/<int:receipt_id>/files/<int:file_id>/",
        receipts.file,
        name="receipt-file",
    ),
    path("<slug:venue>/todo/", todo.todo, name="todo"),
    path("<slug:venue>/contracts/", contracts.contracts, name="contracts"),
    path("<slug:venue>/contracts/<int:trade_id>/", contracts.contract, name="contract"),
    path("<slug:venue>/contracts/<int:trade_id>/contract.json", documents.paper, name="paper"),
    path("<slug:venue>/contracts/<int:trade_id>/contract.pdf", documents.pdf, name="contract-pdf"),
    path(
        "<slug:venue>/contracts/<int:trade_id>/evidence.json", documents.evidence, name="evidence"
    ),
    path(
        "<slug:venue>/contracts/<int:trade_id>/evidence.zip",
        documents.evidence_zip,
        name="evidence-zip",
    ),
    path(
        "<slug:venue>/contracts/<int:trade_id>/exhibits/<int:number>/",
        documents.exhibit,
        name="exhibit",
    ),
    path("<slug:venue>/contracts/<int:trade_id>/quality/", quality.quality, name="quality"),
    path("<slug:venue>/rules/", rules.rules, name="rules"),
    path("<slug:venue>/rules/<slug:code>/<int:number>/", rules.rule_set, name="rule-set"),
    path("<slug:venue>/rules/<slug:code>/<int:number>.json", rules.rule_text, name="rule-text"),
    path("<slug:venue>/orders/", office.orders, name="orders"),
    path("<slug:venue>/store/", warehouse.store, name="store"),
    path("<slug:venue>/store/receipts/<int:receipt_id>/", receipts.desk, name="receipt-desk"),
    path("<slug:venue>/payments/", payments.payments, name="payments"),
    path("<slug:venue>/payments/files/", bank_files.files, name="bank-files"),
    path("<slug:venue>/payments/files/<int:file_id>/", bank_files.download, name="bank-file"),
    path("<slug:venue>/netting/", netting.netting, name="netting"),
    path("<slug:venue>/netting/<int:number>/", netting.batch, name="netting-batch"),
    path("<slug:venue>/ops/", operate.console, name="console"),
    path("<slug:venue>/ops/new/", operate.new_instrument, name="new-instrument"),
    path("<slug:venue>/ops/instruments/<slug:code>/", operate.halt, name="halt"),
    path("<slug:venue>/ops/halt/", operate.halt_venue, name="halt-venue"),
    path("<slug:venue>/ops/decisions/", decisions.decisions, name="decisions"),
    path("<slug:venue>/ops/busts/", busts.busts, name="busts"),
    path("<slug:venue>/ops/firms/", members.firms, name="firms"),
    path("<slug:venue>/ops/firms/<slug:code>/", members.membership, name="membership"),
    path("<slug:venue>/ops/approvals/", operate.approvals, name="approvals"),
    path(
        "<slug:venue>/ops/approvals/<int:approval_id>/",
        operate.activate_approval,
        name="activate-approval",
    ),
    path("<slug:venue>/ops/rules/", rules.rule_versions, name="rule-versions"),
    path("<slug:venue>/ops/rules/<slug:code>/", rules.rule_commodity, name="rule-commodity"),
    path("<slug:venue>/ops/rules/<slug:code>/draft/", rules.rule_draft, name="rule-draft"),
    path("<slug:venue>/ops/freezes/", freezes.freezes, name="freezes"),
    path("<slug:venue>/ops/receipts/", receipts.holds, name="receipt-holds"),
    path("<slug:venue>/ops/journal/", operate.journal, name="journal"),
]
