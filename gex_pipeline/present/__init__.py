"""Frames in; documents, tables and pictures out.

Belongs here: everything a reader sees. Not: questions to the warehouse, formulas, and no clock.
matplotlib is imported inside the functions of the plot modules only: it takes 0.4 s.
"""
