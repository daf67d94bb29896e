"""Flatness of trained networks: norms, PAC-Bayes and sharpness measures, curvature, loss landscapes."""
