"""The files that ALCSeg writes, one module each: what stands in it, how it is read and written, its format.

Nothing outside of this package names a column of a table or a key of a document. A document is a JSON or YAML
file and carries its format number; a table is a CSV file and is known by its columns. Older formats are read
with the defaults of what they lack; newer ones are refused in one line.

To add a file, write a module with a `Document` or a `Row`.
"""
