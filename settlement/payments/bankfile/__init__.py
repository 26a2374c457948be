"""Bank files: instructions written; replies and statements read whole or not at all.

Nothing here knows a database, a clock or a file system: bytes go in and values come out, or the
reverse. `layout` is what an operator may configure, `frame` what every file has in common.
"""
