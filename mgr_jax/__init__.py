"""mgr_jax: music genre recognition in JAX, raw audio to genre end to end on the accelerator.

The names below are loaded at first use. Importing the package imports neither jax nor
tensorflow_datasets.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_GROUPS = {  # each is a page of the documentation
    "Data": {
        "audit": "mgr_jax.runs.auditing",
        "extract_table": "mgr_jax.runs.extract",
        "list_datasets": "mgr_jax.data.datasets",
        "measure_inflation": "mgr_jax.runs.inflation",
        "prepare": "mgr_jax.data.prepare",
    },
    "Experiments": {
        "Run": "mgr_jax.runs.run",
        "calibrate": "mgr_jax.runs.calibrate",
        "compare": "mgr_jax.runs.compare",
        "cross_validate": "mgr_jax.runs.cross_validate",
        "draw_frontends": "mgr_jax.runs.frontend_gallery",
        "draw_timeline": "mgr_jax.runs.timeline_pictures",
        "evaluate": "mgr_jax.runs.evaluate",
        "join_processes": "mgr_jax.training.partition",
        "results_of": "mgr_jax.evaluation.ledger",
        "score_baselines": "mgr_jax.baselines.run",
        "train": "mgr_jax.training.train",
        "write_report": "mgr_jax.runs.report",
    },
    "Configs": {
        "base_config": "mgr_jax.config",
        "format_configs": "mgr_jax.runs.config_list",
        "list_configs": "mgr_jax.config.files",
        "read_config": "mgr_jax.config.files",
    },
    "Prediction": {
        "Limits": "mgr_jax.audio.io",
        "LivePrediction": "mgr_jax.prediction.live",
        "Prediction": "mgr_jax.prediction.prediction",
        "Predictor": "mgr_jax.prediction.predictor",
        "ResultRow": "mgr_jax.prediction.rows",
        "Rules": "mgr_jax.decisions",
        "TagWriter": "mgr_jax.prediction.tags",
        "Timeline": "mgr_jax.decisions",
        "embed": "mgr_jax.runs.embed",
        "listen": "mgr_jax.runs.listen",
        "load": "mgr_jax.prediction.predictor",
        "predict_files": "mgr_jax.runs.predict",
        "read_genre_tree": "mgr_jax.genre_tree",
        "read_results": "mgr_jax.prediction.reading",
        "search": "mgr_jax.runs.search",
        "teach": "mgr_jax.runs.teach",
        "write_submission": "mgr_jax.runs.submission",
    },
    "Pretrained networks": {
        "describe_pretrained": "mgr_jax.interop.pretrained_list",
        "format_pretrained": "mgr_jax.interop.pretrained_list",
        "format_sources": "mgr_jax.interop.source_list",
        "get_pretrained": "mgr_jax.interop.get_pretrained",
        "import_weights": "mgr_jax.interop.import_weights",
        "list_pretrained": "mgr_jax.catalogue",
        "list_sources": "mgr_jax.interop.sources",
    },
    "Parts": {
        "UserError": "mgr_jax.errors",
        "create_classifier": "mgr_jax.classifier",
        "create_frontend": "mgr_jax.audio.frontends",
        "create_model": "mgr_jax.models",
        "extract_features": "mgr_jax.audio.frontends",
        "list_frontends": "mgr_jax.audio.frontends",
        "list_models": "mgr_jax.models",
        "list_presets": "mgr_jax.audio.frontends",
    },
    "Benchmarks": {
        "benchmark_frontends": "mgr_jax.benchmark.frontends",
        "benchmark_inputs": "mgr_jax.benchmark.inputs.run",
        "benchmark_loaders": "mgr_jax.benchmark.loaders",
        "benchmark_models": "mgr_jax.benchmark.models",
        "benchmark_predict": "mgr_jax.benchmark.predict",
        "benchmark_prepare": "mgr_jax.benchmark.prepare",
        "benchmark_scaling": "mgr_jax.benchmark.scaling",
        "benchmark_startup": "mgr_jax.benchmark.startup",
        "benchmark_timeline": "mgr_jax.benchmark.timeline",
        "benchmark_train": "mgr_jax.benchmark.train",
        "build_onednn": "mgr_jax.onednn.build",
    },
}
_PUBLIC = {name: module for names in _GROUPS.values() for name, module in names.items()}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mgr_jax' has no attribute '{name}'")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
