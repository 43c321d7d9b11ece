"""One job from start to end: the network trained or loaded, classified under blur, and measured layer by layer."""

from __future__ import annotations

import gc

import keras
import numpy as np

from src.base import InputError, LabeledImages
from src.evaluation import Evaluator, evaluate
from src.places import Places
from src.progress import stage
from src.studies.blur.conditions import BlurCondition
from src.studies.blur.config import BOUNDARY, MNIST
from src.studies.blur.kernels import Blur
from src.studies.blur.measurement import BLOCK, constants, measured
from src.studies.blur.networks import images_to_classify, in_float32, train_on_cifar10
from src.studies.blur.plan import Job
from src.studies.blur.stages import stages
from src.training.networks import load_network
from src.trials_table import refuse_other_weights, save_trial


class BlurEvaluator:
    """Classifies images under blur.

    Args:
        evaluator: of the trial's network.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    def perturbed(self, block: LabeledImages, blur: Blur | None) -> np.ndarray:
        """The images of a block under this blur, float32 in [0, 1]."""
        images = block.as_float()
        return images if blur is None else blur.apply(images, BOUNDARY)

    def outcomes(self, images: np.ndarray, block: LabeledImages, condition: BlurCondition) -> dict[str, np.ndarray]:
        """The predicted classes."""
        predictions, _ = self._evaluator.classify(images, block.labels, block.indices, condition.smoothing)
        return {"prediction": predictions}


def execute(job: Job, places: Places, esrgan: str | None) -> None:
    """Bring a job to its end: train on CIFAR-10, classify under blur, measure the layers, and list the trial.

    Args:
        job: what to do; what is complete of it is not done again.
        places: where to read and write.
        esrgan: the handle that `load_esrgan` takes.

    Raises:
        InputError: a file on disk is damaged or does not belong, or a network of the first study is not trained.
        StorageError: something can't be written.
        TrainingError: a loss is not finite.
    """
    folder = places.trial(job.trial)
    table = places.profile(job.profile) / "trials.csv"
    if job.dataset == MNIST and not folder.is_complete:
        raise InputError(
            f"{folder.path} has no trained network. Train it with `python -m src.reproduce --study resolution "
            f"--profile {job.profile.resolution_profile}`."
        )
    if not job.is_evaluated(places) or not folder.marker.exists():
        folder.begin(job.trial)
        network = load_network(job.trial, folder) if folder.is_complete else train_on_cifar10(job, places, folder)
        refuse_other_weights(table, job.made(places), job.trial, folder)
        # Listed before its first record, so that the records' weights are known.
        save_trial(table, job.trial, folder.facts())
        _classify(job, places, network, esrgan)
        _measure(job, places, esrgan)
    save_trial(table, job.trial, folder.facts())
    # The network and its graphs, before the next one's.
    keras.backend.clear_session()
    gc.collect()


def _classify(job: Job, places: Places, network: keras.Model, esrgan: str | None) -> None:
    evaluator = BlurEvaluator(Evaluator(network, job.trial.seed))
    counts = sorted(set(job.work.values()))
    data = images_to_classify(job, places, counts[-1], esrgan)
    records = job.records(places)
    with stage(f"Blurring for {job.label}", total=job.missing(places), unit="classifications") as advance:
        for count in counts:
            conditions = [condition for condition, needed in job.work.items() if needed == count]
            evaluate(evaluator, job.trial.key, data.take(slice(0, count)), conditions, records, advance)
    records.finish()


def _measure(job: Job, places: Places, esrgan: str | None) -> None:
    missing = job.missing_layers(places)
    chain = stages(in_float32(job.trial, places.trial(job.trial)))
    data = images_to_classify(job, places, job.profile.layer_images, esrgan)
    data = data.take(np.flatnonzero(np.isin(data.indices, missing)))
    layers = job.layers(places)
    with stage(f"Layers of {job.label}", total=len(missing), unit="images") as advance:
        for start in range(0, len(data), BLOCK):
            block = data.take(slice(start, start + BLOCK))
            layers.append(measured(chain, block, job.layer_blurs).assign(trial=job.trial.key))
            advance(len(block))
    layers.finish()
    found = constants(chain, job.side, job.layer_blurs).assign(trial=job.trial.key)
    job.constants(places).append(found)
    job.constants(places).finish()
