//! Black-box conformance runner.
