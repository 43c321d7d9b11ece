"""Starting TensorFlow: quiet about itself, loud about what matters, the same numbers every time."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.base import InputError

CHATTER = re.compile(
    r"before absl::InitializeLog\(\)"
    r"|oneDNN custom operations are on"
    r"|Could not find cuda drivers"
    r"|failed call to cuInit: .*(UNKNOWN ERROR \(303\)|no CUDA-capable device)"
    r"|This TensorFlow binary is optimized to use available CPU instructions"
    r"|To enable the following instructions:"
)
"""What TensorFlow says at every start on a machine without a GPU, some of it whatever the log level."""


BACKEND = "KERAS_BACKEND"
"""The environment variable that names what Keras computes with; it goes before Keras's configuration file."""


def start_tensorflow() -> bool:
    """Import TensorFlow and look for devices, dropping only its known start-up lines; make its kernels deterministic.

    Keras computes with TensorFlow from then on, whatever else it is configured for; that is said.

    Returns:
        Whether there is a GPU.

    Raises:
        InputError: Keras's configuration file can't be used.
    """
    configuration = _keras_configuration()
    other = _other_backend(configuration)
    if other is not None:
        print(f"note: {other}, but this runs on TensorFlow all the same.", file=sys.stderr)
    os.environ[BACKEND] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            with _explained(configuration):
                import keras  # noqa: F401, so that what is wrong with its configuration is known here
                import tensorflow as tf

            gpus = tf.config.list_physical_devices("GPU")
            tf.constant(0)  # creates the devices, which is when the rest is said
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said.read().decode(errors="replace").splitlines():
                if not CHATTER.search(line):
                    print(line, file=sys.stderr)
    tf.config.experimental.enable_op_determinism()
    return bool(gpus)


def _keras_configuration() -> Path:
    """Where Keras looks for its configuration file."""
    home = os.path.expanduser("~")
    usual = Path(home if os.access(home, os.W_OK) else tempfile.gettempdir()) / ".keras"
    return Path(os.path.expanduser(os.environ.get("KERAS_HOME", usual))) / "keras.json"


def _other_backend(configuration: Path) -> str | None:
    """Where another backend than TensorFlow is named, as a sentence begins; None if nowhere."""
    named = os.environ.get(BACKEND)
    if named:
        return None if named == "tensorflow" else f"{BACKEND} names the backend {named}"
    try:
        settings = json.loads(configuration.read_text(encoding="utf-8"))
    # Where it can't be read, Keras does without it.
    except (OSError, ValueError):
        return None
    named = settings.get("backend", "tensorflow") if isinstance(settings, dict) else "tensorflow"
    return None if named == "tensorflow" else f"{configuration} names the backend {named}"


@contextmanager
def _explained(configuration: Path) -> Iterator[None]:
    """Turn an error of Keras's code about what its configuration file says into an InputError."""
    try:
        yield
    # It is checked by assertions and by use, in Keras and in TensorFlow.
    except (AssertionError, AttributeError, TypeError, ValueError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        if "keras" not in Path(last.filename).parts or not configuration.exists():
            raise
        raise InputError(
            f"Keras can't start with its configuration file {configuration} ({str(error) or last.line}). "
            "Mend the file, or move it away."
        ) from error


def check_bfloat16(gpu: bool) -> None:
    """Raise InputError unless this machine multiplies bfloat16 in hardware. `gpu`: whether TensorFlow sees one."""
    if gpu:
        import tensorflow as tf

        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        major = details.get("compute_capability", (0, 0))[0]
        supported, what = major >= 8, f"the GPU (compute capability {major}.x; 8.0 is needed)"
    else:
        cpuinfo = Path("/proc/cpuinfo")
        flags = cpuinfo.read_text() if cpuinfo.exists() else ""
        supported, what = "avx512_bf16" in flags or "amx_bf16" in flags, "the processor (AVX512-BF16 or AMX is needed)"
    if not supported:
        raise InputError(f"precision bfloat16: {what} has no such arithmetic. Use --precision float32.")
