"""RLDS: episodes as TFRecord files that TensorFlow Datasets reads, written without TensorFlow."""
