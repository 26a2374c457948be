"""The counter of a bank that does not exist: whoever stands at it sends money."""

from __future__ import annotations

from html import escape

from tests.fakestripe.double import Double


def counter(double: Double) -> str:
    """Return the page: one form, and what has come in so far."""
    options = "".join(
        f'<option value="{escape(one["id"])}">{escape(one["name"] or one["id"])}</option>'
        for one in double.all("customer")
    )
    rows = "".join(
        f"<tr><td>{escape(one['customer'])}<td>{one['net_amount'] / 100:,.2f}"
        f"<td>{escape(one['funded']['bank_transfer']['eu_bank_transfer']['sender_name'])}"
        for one in double.all("customer_cash_balance_transaction")[:20]
    )
    return f"""<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>演示银行柜台</title>
<style>body{{font:16px/1.6 sans-serif;max-width:44em;margin:2em auto}}label{{display:block}}
td{{padding:.2em 1em .2em 0}}</style>
<h1>演示银行柜台</h1><p>这里替付款企业的银行汇款；不是真实的钱。</p>
<form method="post" action="/bank/">
<label>收款账户 <select name="account" id="account">{options}</select></label>
<label>付款人户名 <input name="payer" id="payer" size="40" required></label>
<label>金额（元） <input name="amount" id="amount" required inputmode="decimal"></label>
<label>附言 <input name="memo" id="memo"></label>
<button id="send">汇款</button></form>
<table id="sent"><tr><th>账户<th>金额<th>付款人{rows}</table>
<p>平台余额 <b id="balance">{double.balance / 100:,.2f}</b></p></html>"""
