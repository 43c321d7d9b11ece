"""One job from start to end: the network trained or loaded, classified under blur, and measured layer by layer."""

from __future__ import annotations

import gc

import keras
import numpy as np

from src.base import LabeledImages
from src.cli.progress import stage
from src.experiments.evaluation import Evaluator, evaluate
from src.experiments.folders import Places
from src.experiments.trial_table import refuse_other_weights, save_trial
from src.perturbations.blur import Blur
from src.storage.arrays import save_arrays
from src.studies.blur.conditions import BlurCondition
from src.studies.blur.config import BOUNDARY, shown_blurs
from src.studies.blur.measurement import BLOCK, constants, measured
from src.studies.blur.networks import Datasets, exact_float32, images_to_classify, in_float32, network_of
from src.studies.blur.plan import Job
from src.studies.blur.stages import stages


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


def execute(job: Job, places: Places, datasets: Datasets, esrgan: str | None) -> None:
    """Bring a job to its end: train on CIFAR-10, classify under blur, measure the layers, and list the trial.

    Args:
        job: what to do; what is complete of it is not done again.
        places: where to read and write.
        datasets: what the job needs of them.
        esrgan: the handle that `load_esrgan` takes.

    Raises:
        InputError: a file on disk is damaged or does not belong, or a network of the first study is not trained.
        StorageError: something can't be written.
        TrainingError: a loss is not finite.
    """
    folder = places.trial(job.trial)
    table = places.profile(job.profile) / "trials.csv"
    if not job.is_evaluated(places) or not folder.marker.exists():
        network = network_of(job, places, datasets)
        refuse_other_weights(table, job.made(places), job.trial, folder)
        # Listed before its first record, so that the records' weights are known.
        save_trial(table, job.trial, folder.facts())
        data = images_to_classify(job, places, datasets, job.profile.test_images, esrgan)
        _keep_example(job, places, data)
        _classify(job, places, network, data)
        _measure(job, places, data)
    save_trial(table, job.trial, folder.facts())
    # The network and its graphs, before the next one's.
    keras.backend.clear_session()
    gc.collect()


def _keep_example(job: Job, places: Places, data: LabeledImages) -> None:
    if not job.example(places).exists():
        sharp = data.take(slice(0, 1)).as_float()
        shown = {name: blur.apply(sharp, BOUNDARY)[0] for name, blur in shown_blurs(job.dataset, job.side).items()}
        save_arrays(job.example(places), {"sharp": sharp[0], **shown})


def _classify(job: Job, places: Places, network: keras.Model, data: LabeledImages) -> None:
    evaluator = BlurEvaluator(Evaluator(network, job.trial.seed))
    records = job.records(places)
    # One after the other, as an image costs one forward pass of the network, and a smoothed classifier's as its votes.
    for smoothed, said in ((False, "Blurring"), (True, "Smoothing under blur")):
        work = {condition: count for condition, count in job.work.items() if bool(condition.smoothing) == smoothed}
        with stage(f"{said} for {job.label}", total=job.missing(places, smoothed), unit="images") as advance:
            for count in sorted(set(work.values())):
                conditions = [condition for condition, needed in work.items() if needed == count]
                evaluate(evaluator, job.trial.key, data.take(slice(0, count)), conditions, records, advance)
    records.finish()


def _measure(job: Job, places: Places, data: LabeledImages) -> None:
    chain = stages(in_float32(job.trial, places.trial(job.trial)))
    data = data.take(np.flatnonzero(np.isin(data.indices, job.missing_layers(places))))
    layers = job.layers(places)
    with stage(f"Layers of {job.label}", total=len(data), unit="images") as advance:
        for start in range(0, len(data), BLOCK):
            block = data.take(slice(start, start + BLOCK))
            with exact_float32():
                found = measured(chain, block, job.layer_blurs)
            layers.append(found.assign(trial=job.trial.key))
            advance(len(block))
    layers.finish()
    job.constants(places).append(constants(chain, job.side, job.layer_blurs).assign(trial=job.trial.key))
    job.constants(places).finish()
