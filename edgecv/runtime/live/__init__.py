"""A page in the browser that shows a run while it runs.

hub: the newest result of each stream, kept only while somebody looks
access: who may look
page: the HTTP side; page.html, page.css, page.js: the browser's
"""
