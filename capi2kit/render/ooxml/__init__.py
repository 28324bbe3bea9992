"""OOXML: what Word files are made of: the document, its styles, fields and tables, and the packing of the file."""
