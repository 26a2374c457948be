"""The client library: one venue's socket, kept current. Imports nothing of the product.

async with HaidaiClient("http://127.0.0.1:8000", "qldz") as client:
    await client.log_in("lzrd-trader", password)
    await client.connect()
    book = await client.book(17)
    answer = await client.enter(instrument=17, side="buy", tif="day", price=722, lots=500)
"""

from web.client.client import Answer, Book, Ended, HaidaiClient, LogInFailed, UnknownTopic

__all__ = ["Answer", "Book", "Ended", "HaidaiClient", "LogInFailed", "UnknownTopic"]
