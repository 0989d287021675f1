"""The threads in which background work computes."""

from jmmc.core.computing import Computations

in_background = Computations("jmmc-maintenance", threads=6)  # One for each kind of such work.
