"""What must stand before TensorFlow and Keras are imported, and what makes a test mean the same on every machine."""

import atexit
import os
import shutil
import tempfile

from hypothesis import HealthCheck, settings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
# Several processes share a GPU.
os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"

for name in list(os.environ):
    if name.startswith(("KERAS_", "REPRODUCE_")) or name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        del os.environ[name]
# A width of its own, as output that is no file has the terminal's.
os.environ["COLUMNS"] = "80"

# Not the user's keras.json, which can name another backend, and nothing is written to their home.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras-")
atexit.register(shutil.rmtree, os.environ["KERAS_HOME"], ignore_errors=True)

settings.register_profile("any machine", settings.get_profile("default"), deadline=None,
                          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
settings.load_profile("any machine")
