"""Thin Prefect task wrappers, one file per stage; `core` decides, `adapters` touch the world."""
