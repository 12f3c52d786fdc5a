"""Recipes that train the components of a bundle. Serving never imports this package."""
