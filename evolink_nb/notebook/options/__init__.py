"""The options of the magics: their parsers, their help, and which go together."""
