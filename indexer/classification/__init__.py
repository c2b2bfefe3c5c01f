"""Classifiers of one's own: trained, evaluated and compared on labelled images."""
