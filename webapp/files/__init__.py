"""Files that come in and go out: results as rows, uploads, drafts, exports."""
