//! StructureDefinition to validator: pure, no I/O beyond reading the files it is given.
