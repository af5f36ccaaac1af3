"""Embeddings of real text, without a model: latent semantic analysis of WordNet's definitions.

A row is a synset: its words and its definition. A query is an example sentence of a gloss, which is part of
no row, as what users ask is not what is stored. Text becomes weights of words, pairs of words and
pieces of words (TF-IDF); the largest singular vectors of that matrix span the space, their values' roots weigh it.
Duplicates and empty rows are left out, all have length 1.

    python bench/vector/glosses.py WORDNET TO ROWS DIM

WORDNET is the folder of `data.noun` and its siblings (Debian's wordnet-base).
"""

import os
import re
import sys

import numpy as np
from big_ann import unit, write_set
from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

SEED = 42
QUERIES = 1000
SHORTEST_SENTENCE = 10


def glosses(folder):
    """Texts of synsets and example sentences, each once, in their order."""
    synsets, sentences = {}, {}
    for part in ("noun", "verb", "adj", "adv"):
        with open(os.path.join(folder, f"data.{part}"), encoding="latin-1") as file:
            for line in file:
                # The licence at the top is indented.
                if line[0] == " ":
                    continue
                fields, gloss = line.split(" | ", 1)
                fields = fields.split()
                # Their number is hexadecimal; each word is followed by a number.
                words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
                words = " ".join(re.sub(r"\(.*\)$", "", word).replace("_", " ") for word in words)
                for sentence in re.findall(r'"([^"]+)"', gloss):
                    if len(sentence) >= SHORTEST_SENTENCE:
                        sentences[sentence.strip()] = True
                definition = re.sub(r'"[^"]*"?', "", gloss).strip(" ;,\n")
                synsets[f"{words}: {definition}"] = True
    return list(synsets), list(sentences)


def weights(synsets, sentences):
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32)
    pieces = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), min_df=5, max_features=50_000, sublinear_tf=True, dtype=np.float32
    )
    both = [(part.fit_transform(synsets), part.transform(sentences)) for part in (words, pieces)]
    rows, queries = zip(*both)
    # Pieces say less than words.
    return tuple(hstack([matrix[0], matrix[1] * np.float32(0.7)], "csr") for matrix in (rows, queries))


def distinct(rows):
    """Without rows of zeros and, but for rounding, without duplicates; in their order."""
    rows = unit(rows[np.linalg.norm(rows, axis=1) > 1e-6])
    _, first = np.unique(np.round(rows * 4096).astype("i2"), axis=0, return_index=True)
    return rows[np.sort(first)]


def main(wordnet, to, rows, dim):
    random = np.random.default_rng(SEED)
    synsets, sentences = glosses(wordnet)
    # Some are duplicates.
    sentences = [sentences[n] for n in random.permutation(len(sentences))[: 2 * QUERIES]]
    of_rows, of_queries = weights(synsets, sentences)
    _, values, directions = randomized_svd(of_rows, dim, n_iter=2, random_state=SEED)
    project = (directions.T / np.sqrt(values)).astype("f4")
    base = distinct(of_rows @ project)
    queries = distinct(of_queries @ project)[:QUERIES]
    if len(base) < rows:
        sys.exit(f"there are {len(base)} distinct rows, not {rows}")
    write_set(to, base[random.permutation(len(base))[:rows]], queries)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
