"""The settings of a site: typed, checked before they are saved, every save a revision that stays."""
