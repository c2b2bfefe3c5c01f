"""Loading of a model on torch with the classifier of its folder, if it has one."""

from dataclasses import replace

import torch

from indexer.model.classified_network import classified_card
from indexer.model.classifier_file import ClassifierInput, LinearClassifier, read_classifier
from indexer.model.references import ModelFolder
from indexer.model.torch_loading import LoadedModel, load_model


def load_classified(folder: ModelFolder, device: torch.device) -> LoadedModel:
    """Build the model of a folder, with the classes that it is used with.

    Raises
    ------
    InvalidModel
        As for `load_model`; also for a classifier that is damaged or of another network.
    """
    model = load_model(folder, device)
    classifier = read_classifier(folder)
    if classifier is None:
        return model
    classifier.check_fits(model.card)
    return replace(
        model,
        card=classified_card(model.card, classifier),
        classifier=_layer(classifier).to(device),
        classifies_embeddings=classifier.input is ClassifierInput.EMBEDDING,
    )


def _layer(classifier: LinearClassifier) -> torch.nn.Linear:
    classes, inputs = classifier.weight.shape
    layer = torch.nn.Linear(inputs, classes)
    layer.weight = torch.nn.Parameter(torch.from_numpy(classifier.weight))
    layer.bias = torch.nn.Parameter(torch.from_numpy(classifier.bias))
    return layer.eval().requires_grad_(requires_grad=False)
