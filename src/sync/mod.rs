//! Pull, stage, map, validate, put.
