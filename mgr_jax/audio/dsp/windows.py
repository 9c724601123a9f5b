"""Windows that frames are multiplied with."""

import numpy as np

# Sums of cosines, sum_k a_k cos(k x) for x from -pi to pi; coefficients as SciPy has them.
_COSINES = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 1.0 - 0.54),
    "blackman": (0.42, 0.50, 0.08),
}


def window_taps(name: str | tuple, length: int, *, periodic: bool) -> np.ndarray:
    """A window by its name in `scipy.signal.get_window`, with the same values.

    The usual ones are made here: importing scipy.signal takes as long as importing jax, twice over.

    Args:
      name: such as "hann", or with parameters ("kaiser", 14.0).
      length: in samples, at least 1.
      periodic: a period of a periodic window; else it is symmetric.

    Returns:
      [length] float64.

    Raises:
      ValueError: there is no such window.
    """
    if name not in _COSINES:
        import scipy.signal

        return scipy.signal.get_window(name, length, fftbins=periodic)
    if length == 1:
        return np.ones(1)
    phase = np.linspace(-np.pi, np.pi, length + periodic)[:length]
    taps = np.zeros(length)
    for order, coefficient in enumerate(_COSINES[name]):
        taps += coefficient * np.cos(order * phase)
    return taps
