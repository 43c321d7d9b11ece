from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from src.base import InputError
from src.cli import tensorflow_setup as startup
from src.cli.tensorflow_setup import CHATTER, check_bfloat16, start_tensorflow

CPUINFO = "processor\t: 0\nmodel name\t: A Processor\nflags\t\t: fpu vme sse2 avx2 avx512f {flags}\n"


@pytest.fixture
def cpuinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Takes the place of /proc/cpuinfo."""
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(startup, "Path", lambda name: file if name == "/proc/cpuinfo" else Path(name))
    return file


class TestBfloat16:
    @pytest.mark.parametrize("flags", ["avx512_bf16", "avx512_vnni amx_bf16 amx_tile", "avx512_bf16 amx_bf16"])
    def test_accepts_a_processor_that_has_it(self, cpuinfo: Path, flags: str) -> None:
        cpuinfo.write_text(CPUINFO.format(flags=flags))
        assert check_bfloat16(gpu=False) is None, "it raises nothing"

    @pytest.mark.parametrize("flags", ["", "avx512_vnni avx512_fp16", "amx_tile amx_int8"])
    def test_refuses_one_that_has_not(self, cpuinfo: Path, flags: str) -> None:
        cpuinfo.write_text(CPUINFO.format(flags=flags))
        with pytest.raises(InputError, match=r"bfloat16: the processor .*Use --precision float32"):
            check_bfloat16(gpu=False)

    def test_refuses_where_nothing_is_known_of_the_processor(self, cpuinfo: Path) -> None:
        assert not cpuinfo.exists()
        with pytest.raises(InputError, match="bfloat16"):
            check_bfloat16(gpu=False)

    @pytest.mark.parametrize(
        ("capability", "supported"), [((7, 5), False), ((8, 0), True), ((9, 0), True), ((10, 0), True), (None, False)]
    )
    def test_goes_by_the_gpu_where_there_is_one(
        self, cpuinfo: Path, monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int] | None, supported: bool
    ) -> None:
        import tensorflow as tf

        # The processor has the opposite, and is not asked.
        cpuinfo.write_text(CPUINFO.format(flags="" if supported else "avx512_bf16"))
        details = {} if capability is None else {"compute_capability": capability}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["the GPU"])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: details)
        if supported:
            check_bfloat16(gpu=True)
        else:
            with pytest.raises(InputError, match="the GPU"):
                check_bfloat16(gpu=True)


KNOWN = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1735689600.000000  4242 port.cc:153] oneDNN custom operations are on. You may see slightly different "
    "numerical results due to floating-point round-off errors from different computation orders. To turn them off, "
    "set the environment variable `TF_ENABLE_ONEDNN_OPTS=0`.",
    "2025-01-01 00:00:00.000000: I external/local_xla/xla/tsl/cuda/cudart_stub.cc:31] Could not find cuda drivers on "
    "your machine, GPU will not be used.",
    "E0000 00:00:1735689600.000000  4242 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call "
    "to cuInit: UNKNOWN ERROR (303)",
    "2025-01-01 00:00:00.000000: E external/local_xla/xla/stream_executor/cuda/cuda_platform.cc:51] failed call to "
    "cuInit: INTERNAL: CUDA error: Failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected",
    "I0000 00:00:1735689600.000000  4242 cpu_feature_guard.cc:227] This TensorFlow binary is optimized to use "
    "available CPU instructions in performance-critical operations.",
    "To enable the following instructions: AVX512_FP16, in other operations, rebuild TensorFlow with the appropriate "
    "compiler flags.",
]
REAL = [
    "WARNING:tensorflow:a warning",
    "ERROR: something went wrong",
    # A GPU that is there and does not work is worth knowing of.
    "E0000 00:00:1735689600.000000  4242 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: Failed call "
    "to cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: system has unsupported display driver / cuda driver combination",
    "W0000 00:00:1735689600.000000  4242 gpu_device.cc:2342] Cannot dlopen some GPU libraries. Please make sure the "
    "missing libraries mentioned above are installed properly if you would like to use GPU. Skipping registering GPU "
    "devices...",
    "E external/local_xla/xla/stream_executor/cuda/cuda_dnn.cc:463] Loaded runtime CuDNN library: 9.1.0 but source was "
    "compiled with: 9.3.0.",
    "W tensorflow/core/framework/cpu_allocator_impl.cc:83] Allocation of 1073741824 exceeds 10% of free system memory.",
    "ImportError: numpy.core.multiarray failed to import",
]


@pytest.mark.parametrize("line", KNOWN)
def test_chatter_is_dropped(line: str) -> None:
    assert CHATTER.search(line)


@pytest.mark.parametrize("line", REAL)
def test_what_matters_is_kept(line: str) -> None:
    assert not CHATTER.search(line)


def test_every_pattern_is_for_a_known_line() -> None:
    """So that none is left in which hides more than it should."""
    alternatives = re.split(r"\|(?![^(]*\))", CHATTER.pattern)
    assert len(alternatives) == 6
    for pattern in alternatives:
        assert any(re.search(pattern, line) for line in KNOWN), pattern
        assert not re.search(pattern, ""), pattern


class TestStart:
    @pytest.fixture(autouse=True)
    def _as_it_was(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Determinism can't be switched off again in a process where other tests run."""
        import tensorflow as tf

        self.deterministic = False

        def enable() -> None:
            self.deterministic = True

        monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", enable)

    def say(self, monkeypatch: pytest.MonkeyPatch, lines: list[str], gpus: list[str]) -> None:
        """Have TensorFlow write to the file descriptor, as its C++ does, when it looks for devices."""
        import tensorflow as tf

        def look(kind: str) -> list[str]:
            os.write(2, "".join(f"{line}\n" for line in lines).encode())
            return gpus

        monkeypatch.setattr(tf.config, "list_physical_devices", look)

    def test_drops_the_chatter_and_passes_the_rest_on_in_order(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        mixed = [line for pair in zip(KNOWN, REAL, strict=True) for line in pair]
        self.say(monkeypatch, mixed, [])
        assert start_tensorflow() is False
        os.write(2, b"afterwards\n")
        captured = capfd.readouterr()
        assert captured.err.splitlines() == [*REAL, "afterwards"] and captured.out == ""
        assert self.deterministic

    def test_says_whether_there_is_a_gpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.say(monkeypatch, [], ["a GPU"])
        assert start_tensorflow() is True

    def test_a_failure_shows_what_was_said_before_it(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        import tensorflow as tf

        def fail(kind: str) -> list[str]:
            os.write(2, f"{KNOWN[0]}\n{REAL[0]}\n".encode())
            raise RuntimeError("no devices")

        monkeypatch.setattr(tf.config, "list_physical_devices", fail)
        with pytest.raises(RuntimeError, match="no devices"):
            start_tensorflow()
        os.write(2, b"afterwards\n")
        assert capfd.readouterr().err.splitlines() == [REAL[0], "afterwards"]
