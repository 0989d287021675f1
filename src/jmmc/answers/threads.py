"""The threads in which answers to readers are computed."""

from jmmc.core.computing import Computations

in_background = Computations("jmmc-answers", threads=4)
