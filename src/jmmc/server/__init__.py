"""Runs the collector and the dashboard under uvicorn."""
