"""One vendor per file: returns our types, raises our errors, imports the vendor inside its functions."""
