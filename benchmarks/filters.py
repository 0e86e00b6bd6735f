"""What each filter does to clean seeds, and what it finds of rows that should be found.

    python benchmarks/filters.py FOLDER [--embeddings]

FOLDER has alpaca_en_1k.json, self_instruct_seed_tasks.jsonl, gsm8k_train_1000.jsonl (clean seeds), gsm8k_test.jsonl and
humaneval.jsonl (benchmarks that are planted). With --embeddings also by meaning, with all-MiniLM-L6-v2 (pulled).
"""
