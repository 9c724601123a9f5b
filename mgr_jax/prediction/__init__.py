"""Prediction: a trained classifier applied to files and arrays (`predictor`, `prediction`)."""
