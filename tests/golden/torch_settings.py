"""Writes torch_settings.json: optimizers of torch.optim at settings other than their defaults.

    python tests/golden/torch_settings.py > tests/golden/torch_settings.json

Needs PyTorch. The layout is that of torch.json; parameters are f64, so that tolerances are about nosc.
"""

import json
import random
import struct

import torch

STEPS, ELEMENTS = 12, 19

CASES = [
    ("sgd", "SGD", dict(lr=0.1, weight_decay=0.2)),
    ("sgd", "SGD", dict(lr=0.1, momentum=0.8, dampening=0.3, weight_decay=0.1)),
    ("momentum", "SGD", dict(lr=0.1, momentum=0.7, dampening=0.4, weight_decay=0.1)),
    ("momentum", "SGD", dict(lr=0.1, momentum=0.0, dampening=0.4, weight_decay=0.1)),
    ("nesterov", "SGD", dict(lr=0.1, momentum=0.7, weight_decay=0.1, nesterov=True)),
    ("adagrad", "Adagrad", dict(lr=0.1, lr_decay=0.3, eps=1e-3, weight_decay=0.1, initial_accumulator_value=0.5)),
    ("adadelta", "Adadelta", dict(lr=0.7, rho=0.8, eps=1e-4, weight_decay=0.1)),
    ("adam", "Adam", dict(lr=0.03, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
    ("amsgrad", "Adam", dict(lr=0.03, betas=(0.8, 0.6), eps=1e-3, weight_decay=0.1, amsgrad=True)),
    ("adamw", "AdamW", dict(lr=0.03, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.3)),
    ("nadam", "NAdam", dict(lr=0.03, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, momentum_decay=0.05)),
    ("radam", "RAdam", dict(lr=0.03, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
    ("radam", "RAdam", dict(lr=0.03, betas=(0.9, 0.9), eps=1e-3, weight_decay=0)),
    ("radam", "RAdam", dict(lr=0.03, betas=(0.9, 0.5), eps=1e-3, weight_decay=0)),
    ("adamax", "Adamax", dict(lr=0.03, betas=(0.8, 0.7), eps=1e-3, weight_decay=0.1)),
    ("rmsprop", "RMSprop", dict(lr=0.03, alpha=0.8, eps=1e-3, weight_decay=0.1)),
    ("rmsprop", "RMSprop", dict(lr=0.03, alpha=0.8, eps=1e-3, weight_decay=0.1, momentum=0.5)),
    ("rmsprop_centered", "RMSprop", dict(lr=0.03, alpha=0.8, eps=1e-2, weight_decay=0.1, centered=True)),
    ("rmsprop_centered", "RMSprop", dict(lr=0.03, alpha=0.8, eps=1e-2, momentum=0.5, centered=True)),
    ("rprop", "Rprop", dict(lr=0.02, etas=(0.3, 1.7), step_sizes=(0.005, 0.06))),
    ("rprop", "Rprop", dict(lr=0.5, etas=(0.5, 1.2), step_sizes=(1e-6, 0.1))),
    ("amsgradw", "AdamW", dict(lr=0.03, betas=(0.8, 0.6), eps=1e-3, weight_decay=0.3, amsgrad=True)),
]


def f32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def case(number, name, optimizer, settings):
    draw = random.Random(number)
    normal = lambda: f32(draw.gauss(0, 1))
    w0 = [normal() for _ in range(ELEMENTS)]
    grads = [[0.0 if draw.random() < 0.1 else normal() for _ in w0] for _ in range(STEPS)]
    parameter = torch.nn.Parameter(torch.tensor(w0, dtype=torch.float64))
    stepper = getattr(torch.optim, optimizer)([parameter], **settings)
    w = []
    for grad in grads:
        parameter.grad = torch.tensor(grad, dtype=torch.float64)
        stepper.step()
        w.append(parameter.tolist())
    return {
        "name": name,
        "torch": optimizer,
        "torch_version": torch.__version__,
        "settings": settings,
        "w0": w0,
        "grads": grads,
        "w": w,
        "rtol": 1e-4,
        "atol": 1e-5,
    }


print(json.dumps({"cases": [case(number, *row) for number, row in enumerate(CASES)]}))
