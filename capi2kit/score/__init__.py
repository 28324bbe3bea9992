"""Score: how accurate an analysis is, against the truth of a lab scenario.

Input: an Analysis of the files of a scenario, and its truth (truth.json). Output:
tables of compared waits and start-ups, and the figures judged by fixed limits.
It proves that the analysis agrees with our model of Windows; only real logs can
prove the model. Nothing here knows how the lab makes its files.
"""

from capi2kit.score.comparison import Score, Truth, read_truth, score_analysis
from capi2kit.score.figures import Figure, judge

__all__ = ["Figure", "Score", "Truth", "judge", "read_truth", "score_analysis"]
