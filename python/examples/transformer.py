#!/usr/bin/env python3
"""A small causal transformer that learns the characters of a text, trained by any update rule.

    python transformer.py                                       # Lion on the source text of Python's argparse
    python transformer.py --text novel.txt --rule adamw --lr 1e-3
    python transformer.py --rule "adam * exp(sign(g) * sign(m))" --lr 3e-4 --bf16

Shown besides the rule: groups with and without weight decay, warm-up by a scheduler of torch, clipping by torch's
clip_grad_norm_, and autocast to bfloat16.
"""

import argparse
import inspect
import math
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

import nosc
import nosc.torch


def find_rule(text):
    """A standard rule by its name, a rule file, or a formula."""
    if text in nosc.rules():
        return nosc.rule(text)
    return nosc.Rule.load(text) if Path(text).is_file() else nosc.Rule(text)


class Layer(nn.Module):
    """Attention to what came before, then two linear maps; each on normed values, and added."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        heads = self.attend(self.norm1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(*heads, is_causal=True)
        x = x + self.project(seen.transpose(1, 2).reshape(batch, length, width))
        return x + self.narrow(F.gelu(self.wide(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, characters, length, width, layers, heads):
        super().__init__()
        self.length = length
        self.character, self.place = nn.Embedding(characters, width), nn.Embedding(length, width)
        self.layers = nn.Sequential(*(Layer(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, characters, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim >= 2:
                deep = name.endswith(("project.weight", "narrow.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if deep else 0.02)

    def forward(self, text):
        x = self.character(text) + self.place.weight[: text.shape[1]]
        return self.head(self.norm(self.layers(x)))


def groups(model, weight_decay):
    """Matrices decay; biases, norms and embeddings do not."""
    spared = {id(p) for module in model.modules() if isinstance(module, nn.Embedding) for p in module.parameters()}
    decay = [p for p in model.parameters() if p.ndim >= 2 and id(p) not in spared]
    rest = [p for p in model.parameters() if p.ndim < 2 or id(p) in spared]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


def batch_of(text, count, length, generator):
    starts = torch.randint(len(text) - length, (count, 1), generator=generator)
    pieces = text[starts + torch.arange(length + 1)]
    return pieces[:, :-1], pieces[:, 1:]


@torch.no_grad()
def continued(model, text, count, generator, device):
    """The text with so many characters more, drawn from the model's probabilities."""
    model.eval()
    for _ in range(count):
        logits = model(text[None, -model.length :].to(device))[0, -1].float().cpu()
        text = torch.cat([text, torch.multinomial(logits.softmax(0), 1, generator=generator)])
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", metavar="FILE", help="UTF-8 text to learn (default: the source text of argparse)")
    parser.add_argument("--rule", default="lion", help="standard rule, file or formula (default: %(default)s)")
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--weight-decay", type=float, default=0.1, help="decoupled, of matrices (default: %(default)s)")
    parser.add_argument("--clip-norm", type=float, default=1.0)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--warm-up", type=int, default=50, metavar="STEPS")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128, help="characters that are seen (default: %(default)s)")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="where the model and the step are (default: %(default)s)")
    parser.add_argument("--bf16", action="store_true", help="the model computes in bfloat16; parameters stay float32")
    parser.add_argument("--tiny", action="store_true", help="a tiny net, four steps")
    arguments = parser.parse_args()
    if arguments.tiny:
        arguments.steps, arguments.warm_up, arguments.batch, arguments.length = 4, 2, 4, 16
        arguments.width, arguments.layers, arguments.heads = 16, 1, 2

    text = Path(arguments.text).read_text(encoding="utf-8") if arguments.text else inspect.getsource(argparse)
    characters = sorted(set(text))
    number = {character: index for index, character in enumerate(characters)}
    text = torch.tensor([number[character] for character in text])
    if len(text) < 20 * arguments.length:
        raise SystemExit(f"the text has {len(text)} characters, expected at least {20 * arguments.length}")
    train, held_out = text[: len(text) * 9 // 10], text[len(text) * 9 // 10 :]

    torch.manual_seed(arguments.seed)
    shape = (arguments.length, arguments.width, arguments.layers, arguments.heads)
    model = Transformer(len(characters), *shape).to(arguments.device)
    rule = find_rule(arguments.rule)
    optimizer = nosc.torch.Optimizer(
        groups(model, arguments.weight_decay),
        rule,
        lr=arguments.lr,
        total_steps=arguments.steps,
        seed=arguments.seed,
        # A rule with a weight_decay of its own says itself how parameters decay.
        decoupled_weight_decay="weight_decay" not in rule.parameters,
    )

    def rate(step):
        """Rises over the warm-up, then falls to a tenth along half a cosine."""
        if step < arguments.warm_up:
            return (step + 1) / arguments.warm_up
        done = (step - arguments.warm_up) / max(1, arguments.steps - arguments.warm_up)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * done))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    count = sum(p.numel() for p in model.parameters())
    print(f"{count} parameters, {count * rule.bytes_per_parameter / 1e6:.1f} MB of state\n{rule.name}: {rule.formula}")

    def loss_of(pieces):
        seen, wanted = (part.to(arguments.device) for part in pieces)
        with torch.autocast(torch.device(arguments.device).type, torch.bfloat16, enabled=arguments.bf16):
            logits = model(seen)
        return F.cross_entropy(logits.float().flatten(0, 1), wanted.flatten())

    generator, start = torch.Generator().manual_seed(arguments.seed), time.perf_counter()
    for step in range(arguments.steps):
        loss = loss_of(batch_of(train, arguments.batch, arguments.length, generator))
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), arguments.clip_norm)
        optimizer.step()
        scheduler.step()
        if step % max(1, arguments.steps // 10) == 0 or step == arguments.steps - 1:
            ran = time.perf_counter() - start
            print(f"step {step + 1:5}  loss {loss.item():.4f}  gradient norm {norm.item():.2f}  {ran:.1f} s", flush=True)
    model.eval()
    with torch.no_grad():
        pieces = [batch_of(held_out, arguments.batch, arguments.length, generator) for _ in range(8)]
        print(f"held out: loss {sum(loss_of(piece).item() for piece in pieces) / len(pieces):.4f} a character")
    drawn = continued(model, held_out[: arguments.length], 20 if arguments.tiny else 200, generator, arguments.device)
    print("it writes:", repr("".join(characters[index] for index in drawn[arguments.length :])))


if __name__ == "__main__":
    main()
