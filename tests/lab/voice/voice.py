"""Speech for the bench `voice`, and its scores. Runs in an environment of its own (see xtask/src/bench.rs).

    voice.py speech G722_FILE DIRECTORY     pieces of real speech: N.16k.wav, N.8k.raw, N.opus
    voice.py score LIST                     each line of LIST is MODE REFERENCE DEGRADED; prints one score a line
"""

import subprocess
import sys
from multiprocessing import Pool
from pathlib import Path

import numpy as np

RATE = 16_000
PIECES = 5
SECONDS = 8
# Silence before, in which a phone settles after the answer, and after, until its buffers are empty.
BEFORE, AFTER = 0.6, 0.2
# ITU-T P.862 wants speech at -26 dBov.
LEVEL = 32768 * 10 ** (-26 / 20)
OPUS = ["--quiet", "--speech", "--bitrate", "24", "--framesize", "20", "--expect-loss", "10"]
IN_BAND_FEC = ["--set-ctl-int", "4012=1"]  # OPUS_SET_INBAND_FEC


def sox(samples, rate, *output):
    """Through sox: its resampler is good, and it writes every format."""
    source = ["sox", "-D", "-t", "raw", "-r", str(rate), "-e", "signed", "-b", "16", "-c", "1", "-"]
    return subprocess.run(source + list(output), input=samples.astype("<i2").tobytes(), check=True, capture_output=True).stdout


def speech(source, directory):
    from G722 import G722

    samples = np.array(G722(RATE, 64_000).decode(Path(source).read_bytes()), dtype=np.float64)
    for piece in range(PIECES):
        # From the second second on; each piece says something else.
        begin = int((1.5 + piece * (SECONDS + 5)) * RATE)
        part = samples[begin : begin + SECONDS * RATE]
        # The loudness of speech is that of its loud parts (P.56, roughly).
        frames = part.reshape(-1, 320)
        power = (frames**2).mean(1)
        part = part * (LEVEL / np.sqrt(power[power > power.mean() / 10].mean()))
        padded = np.concatenate([np.zeros(int(BEFORE * RATE)), part, np.zeros(int(AFTER * RATE))])
        padded = np.clip(padded, -32768, 32767).astype(np.int16)
        base = Path(directory) / str(piece)
        sox(padded, RATE, "-r", str(RATE), f"{base}.16k.wav")
        sox(padded, RATE, "-r", "8000", "-t", "raw", f"{base}.8k.raw")
        subprocess.run(["opusenc", *OPUS, *IN_BAND_FEC, f"{base}.16k.wav", f"{base}.opus"], check=True)


def at(rate, path):
    """A recording (raw, 48 kHz) or a reference, at the rate of the score."""
    where = ["-t", "raw", "-r", "48000", "-e", "signed", "-b", "16", "-c", "1"] if path.endswith(".48k.raw") else []
    if path.endswith(".8k.raw"):
        where = ["-t", "raw", "-r", "8000", "-e", "signed", "-b", "16", "-c", "1"]
    out = subprocess.run(["sox", "-D", *where, path, "-r", str(rate), "-t", "raw", "-"], check=True, capture_output=True)
    return np.frombuffer(out.stdout, dtype="<i2")


def score(line):
    from pesq import NoUtterancesError, pesq

    mode, reference, degraded = line.split()
    rate = 8000 if mode == "nb" else RATE
    heard = at(rate, degraded)
    try:
        return pesq(rate, at(rate, reference), heard, mode)
    except NoUtterancesError:
        return 1.0  # nothing was heard


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["speech", source, directory]:
            speech(source, directory)
        case ["score", path]:
            with Pool() as pool:
                for value in pool.map(score, Path(path).read_text().split("\n")[:-1], chunksize=4):
                    print(f"{value:.4f}")
        case _:
            sys.exit(__doc__)
