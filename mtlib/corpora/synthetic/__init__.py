"""The synthetic corpus: music whose truth is known (composed, rendered, produced and labelled by rule).

It is the only corpus on which the book's methods can be checked against the truth, and the one it is built
with where no other is there. It is no evidence about real music.

``score`` what a composed clip is; ``recipes`` the tables in ``data/synthetic``; ``draws`` random numbers
that belong to a clip; ``latents`` what is drawn before composing; ``tagrules`` which tags are true, and how
salient; ``labels`` how they are tagged.
"""

from .population.labels import SEED, TWINS, Population, default_false_positive, default_tagability, observe, population

__all__ = ["SEED", "TWINS", "Population", "default_false_positive", "default_tagability", "observe", "population"]
