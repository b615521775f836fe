"""FlagEmbedding's `FlagReranker`, in an environment of its own: a request in, logits out, both as JSON."""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Read `folder`, `pairs` and `max_length` from standard input."""
    request = json.load(sys.stdin)
    stdout, sys.stdout = sys.stdout, sys.stderr
    from FlagEmbedding import FlagReranker  # type: ignore[import-not-found]

    reranker = FlagReranker(
        request["folder"], use_fp16=False, devices="cpu", max_length=request["max_length"], batch_size=8
    )
    logits = reranker.compute_score(request["pairs"])
    json.dump([float(logit) for logit in logits], stdout)


if __name__ == "__main__":
    main()
