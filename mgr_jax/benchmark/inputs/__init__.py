"""What goes in, tried: encodings, bad files, folders and tables of every kind; docs/inputs.md.

- `encodings` writes a short file in an encoding, `encoding_table` has them, `edits` is what is
  done to files afterwards; `fidelity` compares what is read with what was written.
- `bad_files` lists files that are not what their names say, and makes them.
- `layouts` makes folders and tables, and says what is understood of them; `layout_table` has them.
- `run` tries them all, and `page` is the page.
"""
