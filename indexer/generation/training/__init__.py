"""Fine-tuning of text-to-image pipelines: LoRA and textual inversion."""
