"""The dashboard: app.py serves it, one file a page, parts.py holds what the pages share."""
