"""Commands about networks and trainings: ``models``, ``sweep``, ``runs``; `mtlib.__main__` adds them.

Heavy imports happen inside the commands, so that ``--help`` answers at once.
"""

import json

import click


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, every count and layer.")
def models_command(as_json: bool) -> None:
    """List the thesis' networks: parameters, multiply-adds, memory traffic, receptive field.

    Example: python -m mtlib models --json
    """
    from . import complexity

    rows = complexity.every()
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    click.echo(f"{'network':20} {'parameters':>11} {'in convolutions':>16} {'multiply-adds':>14} "
               f"{'moved':>9} {'sees (bins × frames)':>21}")  # fmt: skip
    for row in rows:
        extra = {"n_freq": "{}", "kernel_time": "k={}"}
        notes = [text.format(row["options"][name]) for name, text in extra.items() if name in row["options"]]
        name = " ".join([row["structure"], *([f"{row['width']}M"] if row["width"] else []), *notes])
        freq, frames = row["receptive_field"]
        click.echo(f"{name:20} {row['parameters']:>11,} {row['convolution_share']:>16.1%} "
                   f"{row['multiply_adds'] / 1e6:>12,.0f}M {row['moved_bytes'] / 1e6:>7,.0f}MB "
                   f"{f'{freq} × {frames}':>21}")  # fmt: skip


COMMANDS = (models_command,)
