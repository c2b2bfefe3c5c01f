"""Uploads: pictures of multipart requests."""
