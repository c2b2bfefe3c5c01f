"""Pictures by diffusion models and style networks, screened before anyone sees them."""
