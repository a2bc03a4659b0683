"""From the flags of `scalewarden run` to how pods are scraped."""

from dataclasses import replace

from scalewarden.sources.page import PageLimits
from scalewarden.sources.scrape import ScrapeOptions
from scalewarden.sources.tls import Access


def scrape_options(access: Access, server_name: str | None, concurrency: int, deadline: float) -> ScrapeOptions:
    """As chosen."""
    limits = replace(PageLimits(), deadline=deadline)
    return ScrapeOptions(access=access, server_name=server_name, concurrency=concurrency, limits=limits)
