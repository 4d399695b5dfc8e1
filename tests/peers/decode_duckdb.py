"""DuckDB's way from a DynamoDB export to Parquet, for bench.py: decode_duckdb.py EXPORT_FOLDER OUT.parquet THREADS

Reads the lines with a typed structure (not as generic JSON), takes the facts out of their lists, and writes them with their types.
Unlike our decoder it neither counts items against the manifest nor verifies checksums, and it leaves profiles aside.
"""

import sys

import duckdb
from generate import LETTERS

NUMBERS = {"occurred_at", "quantity", "amount_minor", "mrr12_minor", "attempt"}


def main() -> None:
    folder, out, threads = sys.argv[1:4]
    kinds = {name: "N" if name in NUMBERS else "S" for name in LETTERS}
    fields = ", ".join(f'"{LETTERS[name]}" struct("{kind}" varchar)' for name, kind in kinds.items())
    item = f'struct(f struct("L" struct("M" struct({fields}))[]))'
    casts = {"N": "::bigint", "S": ""}
    columns = ", ".join(f'fact.M."{LETTERS[name]}"."{kind}"{casts[kind]} as {name}' for name, kind in kinds.items())
    lines = f"read_json('{folder}/AWSDynamoDB/*/data/*.json.gz', format = 'newline_delimited', columns = {{'Item': '{item}'}})"
    connection = duckdb.connect(config={"threads": int(threads)})
    connection.execute(f"copy (select {columns} from (select unnest(Item.f.L) as fact from {lines})) to '{out}' (compression zstd)")


if __name__ == "__main__":
    main()
