//! The append-only record of who saw or changed what.
