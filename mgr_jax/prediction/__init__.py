"""Prediction: what a trained classifier says of files and arrays (`predictor`, `prediction`)."""
