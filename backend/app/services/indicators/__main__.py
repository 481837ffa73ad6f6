"""Print the catalogue: ``python -m app.services.indicators > ../docs/indicators_catalogue.md``."""

import sys

from app.services.indicators.catalogue_text import catalogue_markdown

if __name__ == "__main__":
    sys.stdout.write(catalogue_markdown())
