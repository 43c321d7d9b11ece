"""One job of protocol `corrected` from start to end: the network trained or loaded, certified and attacked."""

from __future__ import annotations

import gc
import sys

import keras

from src.base import N0, LabeledImages
from src.certification.certify_images import certify_images
from src.cli.progress import stage
from src.datasets.mnist import Mnist
from src.datasets.resolution import at_resolution
from src.experiments.evaluation import evaluate
from src.experiments.folders import Places
from src.experiments.trial_table import refuse_other_weights, save_trial
from src.studies.resolution.config import TRAIN_SPLIT
from src.studies.resolution.corrected.conditions import conditions, current
from src.studies.resolution.corrected.config import ALPHA, Training
from src.studies.resolution.corrected.diagnosis import signs_of_weakening
from src.studies.resolution.corrected.evaluator import CorrectedEvaluator
from src.studies.resolution.corrected.plan import CorrectedJob, results
from src.studies.resolution.plan import test_order, train_order
from src.training.losses import loss_of
from src.training.networks import load_network, train_network
from src.training.provenance import provenance


def execute(job: CorrectedJob, places: Places, mnist: Mnist, esrgan: str | None) -> None:
    """Bring a job to its end: train, certify, attack, and add it to the protocol's table of trials.

    Args:
        job: what to do; what is complete of it is not done again.
        places: where to read and write.
        mnist: the images.
        esrgan: the handle that `load_esrgan` takes.

    Raises:
        InputError: a file on disk is damaged or does not belong.
        StorageError: something can't be written.
        TrainingError: a loss is not finite.
    """
    folder = places.trial(job.trial)
    table = results(places, job.profile) / "trials.csv"
    folder.begin(job.trial)
    if not job.is_evaluated(places) or not folder.marker.exists():
        training = job.work.training
        if folder.is_complete:
            network = load_network(job.trial, folder)
        else:
            images = training_images(mnist, training, places, esrgan)
            network = train_network(job.trial, images, folder, loss_of(training.recipe))
            del images
        logs = [job.log(places, method).path for method, _ in job.work.certifications]
        records = job.records(places)
        refuse_other_weights(table, [records.path, records.partial, *logs], job.trial, folder)
        # Listed before its first record, so that the records' weights are known.
        save_trial(table, job.trial, folder.facts())
        evaluator = CorrectedEvaluator(network, job.sigma, job.trial.seed)
        _certify(job, places, mnist, evaluator, esrgan)
        _attack(job, places, mnist, evaluator, esrgan)
    save_trial(table, job.trial, folder.facts())
    # The network and its graphs, before the next one's.
    keras.backend.clear_session()
    gc.collect()


def training_images(mnist: Mnist, training: Training, places: Places, esrgan: str | None) -> LabeledImages:
    """The images of one epoch, without noise, which is drawn anew in every step."""
    source = mnist.train.take(train_order()[:TRAIN_SPLIT][: training.schedule.train_images])
    return at_resolution(source, "train", training.variant.resolution("bilinear"), places.cache, esrgan)


def _test_images(
    job: CorrectedJob, places: Places, mnist: Mnist, count: int, esrgan: str | None
) -> LabeledImages:
    source = mnist.test.take(test_order()[:count])
    return at_resolution(source, "test", job.work.training.variant.resolution("bilinear"), places.cache, esrgan)


def _certify(
    job: CorrectedJob, places: Places, mnist: Mnist, evaluator: CorrectedEvaluator, esrgan: str | None
) -> None:
    for method, count in job.work.certifications:
        missing = job.missing_certificates(places, method, count)
        if len(missing) == 0:
            continue
        data = _test_images(job, places, mnist, count, esrgan).take(missing)
        log = job.log(places, method)
        weights = places.trial(job.trial).facts()["weights_sha256"]
        log.begin({**provenance(evaluator.network), "weights_sha256": weights})
        with stage(f"Certifying {job.label} ({method.name})", total=len(data), unit="images") as advance:
            certify_images(
                evaluator.smoothed, data.as_float(), data.labels, data.indices, method, ALPHA, N0, log, advance
            )


def _attack(
    job: CorrectedJob, places: Places, mnist: Mnist, evaluator: CorrectedEvaluator, esrgan: str | None
) -> None:
    attacks = job.work.attacks
    if attacks is None:
        return
    data = _test_images(job, places, mnist, attacks.images, esrgan)
    records = job.records(places)
    with stage(f"Attacking {job.label}", total=job.missing_predictions(places), unit="classifications") as advance:
        evaluate(evaluator, job.trial.key, data, conditions(attacks, job.sigma), records, advance)
    records.finish()
    for finding in signs_of_weakening(current(records.load())):
        print(f"warning: {job.label}: {finding}", file=sys.stderr)
