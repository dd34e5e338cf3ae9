"""Books: folders of PDF, EPUB, DOCX, HTML and text files to one JSON line a book, with the reason for every loss.

A book is read in a worker process of its own (`worker`), because files from the net crash and hang their readers; the
parent (`run`) hands out files, kills what is stuck, and puts the results together in the order of the names.
"""

from rotools.books.run import Options, read_books

__all__ = ["Options", "read_books"]
