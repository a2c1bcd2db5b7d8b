"""Figures and pages made from the records of runs; nothing is computed anew."""
