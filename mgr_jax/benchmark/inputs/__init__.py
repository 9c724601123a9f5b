"""Tests inputs: encodings, bad files, folders and tables of every kind; docs/inputs.md.

- `encodings` writes a short file in an encoding, `encoding_table` lists them, `edits` changes
  files afterwards; `fidelity` compares the decoded sound with the original.
- `bad_files` lists files that are not what their names say, and makes them.
- `layouts` makes folders and tables, and reports how they are understood; `layout_table` lists
  them.
- `run` tries them all, and `page` writes the page.
"""
