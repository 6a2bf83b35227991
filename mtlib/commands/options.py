"""Options that commands share, with one wording; see `mtlib.commands.train` and its neighbours."""

import click

profile = click.option("--profile", default="quick", show_default=True, help="smoke, quick, cpu or gpu.")
corpus = click.option("--corpus", default="synthetic", show_default=True, help="Or one prepared on this machine.")
device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
scheduler = click.option("--scheduler", default="", help="tcp://HOST:PORT of a Dask cluster.")
jobs = click.option("--jobs", default=0, help="Processes on this machine; 0: one a core on a CPU, one on a GPU.")
