"""Starting TensorFlow: quiet about itself, loud about what matters, the same numbers every time."""

from __future__ import annotations

import os
import re
import sys
import tempfile
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


def start_tensorflow() -> bool:
    """Import TensorFlow and look for devices, dropping only its known start-up lines; make its kernels deterministic.

    Returns:
        Whether there is a GPU.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
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
