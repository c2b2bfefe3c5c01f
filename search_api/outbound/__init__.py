"""Requests to other servers, safe against SSRF."""
